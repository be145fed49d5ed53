//! What concerns a web ACL or a rule group as a whole.

use std::collections::BTreeMap;

use super::{Findings, codes};
use crate::waf::capacity::{self, SET_WCU_MAX, Wcu};
use crate::waf::model::{RuleSet, RuleSetKind, Scope, Statement, Text};

/// Rate-based rules of a web ACL; AWS does not raise it.
pub const RATE_BASED_PER_WEB_ACL_MAX: usize = 10;
/// Rate-based rules of a rule group; AWS does not raise it.
pub const RATE_BASED_PER_GROUP_MAX: usize = 4;

const REFERENCES_MAX: usize = 50;
const BODIES_MAX: usize = 50;
const BODY_BYTES_MAX: usize = 4_096;
const BODIES_BYTES_MAX: usize = 50 * 1_024;
const NAME_MAX: usize = 128;
/// Where everything of CloudFront's scope is made.
const CLOUDFRONT_REGION: &str = "us-east-1";

pub(super) fn check(set: &RuleSet, file: &[RuleSet], region: Option<&str>, found: &mut Findings) {
    let rules = format!("{}/Rules", set.place);
    let capacity = capacity::of(set, file);
    let in_groups = capacity.rate_based_in_groups;
    rates(
        set.kind,
        capacity.rate_based_rules,
        in_groups,
        &rules,
        found,
    );
    wcu(set, capacity.total, &rules, found);
    region_of(set, region, found);
    bodies(set, found);
    names_and_priorities(set, found);
    groups_in_group(set, found);
    let references: usize = set.rules.iter().map(|rule| refers(&rule.statement)).sum();
    if references > REFERENCES_MAX {
        found.error(
            codes::REFERENCES,
            rules,
            format!("{references} statements refer to IP sets, pattern sets or rule groups"),
            "put addresses of several sets into one, or split the web ACL",
        );
    }
}

fn rates(kind: RuleSetKind, all: usize, in_groups: usize, path: &str, found: &mut Findings) {
    let own = all - in_groups;
    match kind {
        RuleSetKind::RuleGroup if own > RATE_BASED_PER_GROUP_MAX => found.error(
            codes::RATES_PER_GROUP,
            path,
            format!("{own} rate-based rules in a rule group of at most 4"),
            "keep one rule for each limit and window; callers need no rules of their own",
        ),
        RuleSetKind::WebAcl if own > RATE_BASED_PER_WEB_ACL_MAX => found.error(
            codes::RATES_PER_ACL,
            path,
            format!("{own} rate-based rules in a web ACL of at most 10"),
            "keep one rule for each limit and window; callers need no rules of their own",
        ),
        RuleSetKind::WebAcl if all > RATE_BASED_PER_WEB_ACL_MAX => found.warning(
            codes::RATES_PER_ACL,
            path,
            format!(
                "{own} rate-based rules and {in_groups} more in rule groups; AWS does not document \
                 whether those count against the web ACL's 10"
            ),
            "keep at 10 together, to be safe",
        ),
        _ => {}
    }
}

fn wcu(set: &RuleSet, total: Wcu, path: &str, found: &mut Findings) {
    let Wcu { units, at_most } = total;
    let fix = "merge rules, or search with STARTS_WITH instead of CONTAINS";
    if units > SET_WCU_MAX {
        let what = format!("the rules cost {units} WCU, above {SET_WCU_MAX}");
        found.error(codes::CAPACITY, path, what, fix);
    } else if at_most > SET_WCU_MAX {
        let what = format!(
            "the rules cost {units} WCU, and {at_most} if what AWS leaves open costs: above \
             {SET_WCU_MAX}"
        );
        found.warning(codes::CAPACITY, path, what, fix);
    }
    let Some(set_aside) = set.capacity else {
        return;
    };
    let path = format!("{}/Capacity", set.place);
    let fix = "set aside more; it cannot be changed once the group is made";
    if units > set_aside {
        let what = format!("the rules cost {units} WCU, and {set_aside} are set aside");
        found.error(codes::SET_ASIDE, path, what, fix);
    } else if at_most > set_aside {
        let what = format!(
            "the rules cost {units} WCU, and {at_most} if what AWS leaves open costs; {set_aside} \
             are set aside"
        );
        found.warning(codes::SET_ASIDE, path, what, fix);
    }
}

fn region_of(set: &RuleSet, region: Option<&str>, found: &mut Findings) {
    if let (Some(Scope::CloudFront), Some(region)) = (set.scope, region)
        && region != CLOUDFRONT_REGION
    {
        found.error(
            codes::REGION,
            format!("{}/Scope", set.place),
            format!("scope CLOUDFRONT in {region}"),
            "deploy it in us-east-1, or make the scope REGIONAL",
        );
    }
}

fn bodies(set: &RuleSet, found: &mut Findings) {
    let path = format!("{}/CustomResponseBodies", set.place);
    if set.bodies.len() > BODIES_MAX {
        let what = format!("{} bodies, above {BODIES_MAX}", set.bodies.len());
        found.error(codes::BODIES, &path, what, "share bodies between rules");
    }
    let mut together = 0;
    for (key, body) in &set.bodies {
        let bytes = body.content.known().map_or(0, str::len);
        together += bytes;
        if bytes > BODY_BYTES_MAX {
            found.error(
                codes::BODY_SIZE,
                format!("{path}/{key}/Content"),
                format!("the body `{key}` has {bytes} bytes, above {BODY_BYTES_MAX}"),
                "shorten it, or link to a page",
            );
        }
    }
    if together > BODIES_BYTES_MAX {
        let what = format!("the bodies have {together} bytes together, above {BODIES_BYTES_MAX}");
        found.error(codes::BODIES_SIZE, &path, what, "shorten or share bodies");
    }
}

fn names_and_priorities(set: &RuleSet, found: &mut Findings) {
    let mut priorities = BTreeMap::new();
    let mut names = BTreeMap::new();
    for (index, rule) in set.rules.iter().enumerate() {
        let path = set.rule_path(index);
        found.rule = Some(rule.name.to_string());
        if let Some(first) = priorities.insert(rule.priority, &rule.name) {
            found.error(
                codes::SAME_PRIORITY,
                format!("{path}/Priority"),
                format!("priority {} is also that of `{first}`", rule.priority),
                "give each rule its own priority",
            );
        }
        if names.insert(&rule.name, index).is_some() {
            found.error(
                codes::SAME_NAME,
                format!("{path}/Name"),
                format!("the name `{}` stands twice", rule.name),
                "give each rule its own name",
            );
        }
        if !name_fits(&rule.name) {
            found.error(
                codes::NAME,
                format!("{path}/Name"),
                format!(
                    "the name `{}` has other characters or a wrong length",
                    rule.name
                ),
                "write 1 to 128 letters, digits, `_` and `-`",
            );
        }
    }
    found.rule = None;
}

fn groups_in_group(set: &RuleSet, found: &mut Findings) {
    if set.kind != RuleSetKind::RuleGroup {
        return;
    }
    for (index, rule) in set.rules.iter().enumerate() {
        if let Statement::ManagedRuleGroup(used) | Statement::RuleGroup(used) = &rule.statement {
            found.rule = Some(rule.name.to_string());
            found.error(
                codes::GROUP_IN_GROUP,
                format!("{}/Statement", set.rule_path(index)),
                format!("a rule group uses the rule group `{}`", used.name),
                "use it in the web ACL",
            );
        }
    }
    found.rule = None;
}

fn name_fits(name: &Text) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.known()
        .is_none_or(|name| (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(allowed))
}

fn refers(statement: &Statement) -> usize {
    let own = usize::from(matches!(
        statement,
        Statement::IpSet(_)
            | Statement::RegexPatternSet { .. }
            | Statement::ManagedRuleGroup(_)
            | Statement::RuleGroup(_)
    ));
    let children = statement.children();
    own + children
        .iter()
        .map(|(_, child)| refers(child))
        .sum::<usize>()
}
