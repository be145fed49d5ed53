//! Rules for descriptors: every one can be reached, and says one thing.

use std::collections::HashSet;
use std::sync::Arc;

use super::Check;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;
use crate::grpc::{
    DESCRIPTOR_RULES_MAX, DescriptorAmount, DescriptorLimit, DescriptorMode, DescriptorRule,
    RuleValue,
};
use crate::node::At;
use crate::raw::{DescriptorText, RawDescriptor, RawRateLimit};

impl Check<'_, '_> {
    /// The rules of one level; `left` is how many more there may be.
    pub(crate) fn descriptor_rules(
        &mut self,
        raw: Vec<RawDescriptor>,
        left: &mut usize,
    ) -> Vec<DescriptorRule> {
        let mut seen = HashSet::new();
        let mut rules = Vec::with_capacity(raw.len());
        for raw in raw {
            if *left == 0 {
                self.error(
                    Finding::error(
                        codes::TOO_MANY,
                        raw.span,
                        format!("there are more than {DESCRIPTOR_RULES_MAX} rules"),
                    )
                    .help("leave out values that have the limit of all others"),
                );
                break;
            }
            *left -= 1;
            let value = raw.value.as_ref().map(|value| value.value.0.clone());
            let value = value.unwrap_or_default();
            if !seen.insert((raw.key.value.0.clone(), value.clone())) {
                self.error(
                    Finding::error(
                        codes::DUPLICATE_NAME,
                        raw.key.span,
                        "rule is for a key and value that have one already",
                    )
                    .label("the second one")
                    .help("put the two into one, with the `descriptors` of both"),
                );
            }
            rules.push(self.descriptor_rule(raw, &value, left));
        }
        rules
    }

    fn descriptor_rule(
        &mut self,
        raw: RawDescriptor,
        value: &str,
        left: &mut usize,
    ) -> DescriptorRule {
        if raw.key.value.0.is_empty() {
            self.error(
                Finding::error(codes::NAME, raw.key.span, "rule has an empty key")
                    .help("write the key of the entry that it is for"),
            );
        }
        let value = match (value, value.strip_suffix('*')) {
            ("", _) => RuleValue::Any,
            (_, Some(prefix)) => RuleValue::Prefix(prefix.into()),
            (exact, None) => RuleValue::Exact(exact.into()),
        };
        let share_threshold = raw
            .share_threshold
            .as_ref()
            .is_some_and(|share| share.value);
        if let (true, Some(At { span, .. })) = (share_threshold, &raw.share_threshold)
            && !matches!(value, RuleValue::Prefix(_))
        {
            self.error(
                Finding::error(
                    codes::CONFLICT,
                    *span,
                    "there are no values to share a bucket",
                )
                .label("`value` does not end in `*`")
                .help("remove `share_threshold`, or write a `value` that ends in `*`"),
            );
        }
        let shadow = raw.shadow_mode.unwrap_or(false);
        let quota = raw.quota_mode.as_ref().filter(|quota| quota.value);
        if let (true, Some(At { span, .. })) = (shadow, quota) {
            self.error(
                Finding::error(codes::CONFLICT, *span, "rule has two modes")
                    .label("`shadow_mode` is true as well")
                    .help("keep `quota_mode`: it never refuses either"),
            );
        }
        let mode = match (shadow, quota) {
            (true, _) => DescriptorMode::Shadow,
            (false, Some(_)) => DescriptorMode::Quota,
            (false, None) => DescriptorMode::Enforce,
        };
        DescriptorRule {
            key: raw.key.value.0.into(),
            value,
            limit: raw
                .rate_limit
                .and_then(|limit| self.descriptor_limit(limit, mode)),
            share_threshold,
            metrics_by_value: raw.detailed_metric == Some(true)
                || raw.value_to_metric == Some(true),
            nested: self.descriptor_rules(raw.descriptors.unwrap_or_default(), left),
        }
    }

    fn descriptor_limit(
        &mut self,
        raw: RawRateLimit,
        mode: DescriptorMode,
    ) -> Option<DescriptorLimit> {
        let amount = self.descriptor_amount(&raw)?;
        let text = |name: At<DescriptorText>| (name.span, name.value.0);
        let name = raw.name.map(text).filter(|(_, name)| !name.is_empty());
        let replaced = raw.replaces.unwrap_or_default();
        let mut replaces: Vec<Arc<str>> = Vec::with_capacity(replaced.len());
        for (span, other) in replaced.into_iter().map(|raw| text(raw.name)) {
            let own = name.as_ref().is_some_and(|(_, name)| *name == other);
            if other.is_empty() || own {
                self.replaces_nothing(span, own);
            }
            replaces.push(other.into());
        }
        Some(DescriptorLimit {
            amount,
            name: name.map(|(_, name)| name.into()),
            replaces,
            mode,
        })
    }

    fn descriptor_amount(&mut self, raw: &RawRateLimit) -> Option<DescriptorAmount> {
        let missing = |key: &str, help: &str| {
            Finding::error(codes::MISSING_KEY, raw.span, format!("`{key}` is missing")).help(help)
        };
        let finding = match (raw.unlimited, &raw.unit, raw.requests_per_unit) {
            (Some(true), None, _) => return Some(DescriptorAmount::Unlimited),
            (_, Some(unit), Some(requests)) if raw.unlimited != Some(true) => {
                let requests = u32::try_from(requests.0).ok()?;
                return Some(DescriptorAmount::PerUnit(requests, unit.value.0));
            }
            (Some(true), Some(unit), _) => {
                Finding::error(codes::CONFLICT, unit.span, "what is unlimited has no unit")
                    .label("`unlimited` is true")
                    .help("remove `unit`, or `unlimited`")
            }
            // A key that could not be read is told already.
            _ if !self.whole => return None,
            (_, None, _) => missing("unit", "add `unit: second`, or `unlimited: true`"),
            (_, Some(_), _) => missing(
                "requests_per_unit",
                "add `requests_per_unit: 0` to refuse all, or how many to let through",
            ),
        };
        self.error(finding);
        None
    }

    fn replaces_nothing(&mut self, span: Span, own: bool) {
        let message = if own {
            "limit replaces itself"
        } else {
            "name of what is replaced is empty"
        };
        self.error(
            Finding::error(codes::CONFLICT, span, message)
                .help("write the `name` of another rule's limit, or remove the entry"),
        );
    }
}
