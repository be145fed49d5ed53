//! The route table, and the routes that other sections name.

use std::collections::HashMap;

use super::Check;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::{Finding, Findings, Source};
use crate::node::At;
use crate::openapi::{self, BasePath};
use crate::paths::{PathRules, TrailingSlash};
use crate::raw::{RawBasePath, RawOpenApi, RawPlan, RawRoutes, RouteName, RouteNameParts, Word};
use crate::route::{RouteId, RouteMethod};
use crate::routes::{ROUTES_MAX, RouteTable};
use crate::suggest::nearest;
use crate::template::{Template, TemplateNote};

/// Routes compared when looking for the nearest name.
const SUGGESTIONS_MAX: usize = 20_000;

/// The checked routes.
pub(super) struct Routes {
    pub(super) table: RouteTable,
    /// Whether every route is known: else a name that is not found may yet be right.
    pub(super) complete: bool,
}

type Known = HashMap<(String, RouteMethod), Span>;

impl Check<'_, '_> {
    pub(super) fn routes(
        &mut self,
        raw: Option<RawRoutes>,
        plans: &[(At<String>, RawPlan)],
        never_block: Vec<At<RouteName>>,
    ) -> Routes {
        let named = || {
            plans
                .iter()
                .filter_map(|(_, plan)| plan.routes.as_ref())
                .flat_map(|routes| &routes.0)
        };
        for name in named().map(|(name, _)| name).chain(&never_block) {
            self.route_notes(name);
        }
        let mut rules = PathRules::default();
        let mut list: Vec<(RouteMethod, Template)> = Vec::new();
        let mut complete = true;
        match raw {
            // The smallest policy needs no list: what it names is what there is.
            None => {
                for name in named().map(|(name, _)| name).chain(&never_block) {
                    if let RouteNameParts::Named {
                        method, template, ..
                    } = &name.value.0
                    {
                        list.push((method.clone(), template.clone()));
                    }
                }
            }
            Some(RawRoutes(section)) => {
                rules.trailing_slash = section
                    .trailing_slash
                    .map_or(TrailingSlash::Ignore, |Word(rule)| rule);
                rules.case_sensitive = section.case_sensitive.unwrap_or(true);
                let known = self.listed(section.list.unwrap_or_default(), rules, &mut list);
                for import in section.openapi.map_or(Vec::new(), |many| many.0) {
                    complete &= self.imported(import, rules, &known, &mut list);
                }
            }
        }
        if list.len() > ROUTES_MAX {
            self.error(
                Finding::file(
                    codes::TOO_MANY,
                    format!("policy has {} routes, more than {ROUTES_MAX}", list.len()),
                )
                .help("leave out what needs no limit of its own: it counts as the route `*`"),
            );
        }
        let mut routes = Routes {
            table: RouteTable::build(list, rules),
            complete,
        };
        for name in never_block {
            match self.route(&name, &routes) {
                Some(RouteId::UNMATCHED) => self.error(
                    Finding::error(
                        codes::UNKNOWN_ROUTE,
                        name.span,
                        "`*` cannot be a route that is never blocked",
                    )
                    .label("every path that no template matches")
                    .help("name the routes that a blocked customer needs in order to pay"),
                ),
                Some(id) => routes.table.set_never_block(id),
                None => {}
            }
        }
        routes
    }

    /// Adds the hand-written routes, of which no two may be the same.
    fn listed(
        &mut self,
        names: Vec<At<RouteName>>,
        rules: PathRules,
        list: &mut Vec<(RouteMethod, Template)>,
    ) -> Known {
        let mut known = Known::new();
        for name in names {
            self.route_notes(&name);
            let RouteNameParts::Named {
                method, template, ..
            } = name.value.0
            else {
                self.error(
                    Finding::error(codes::TEMPLATE, name.span, "route `*` is always there")
                        .help("remove the entry: `*` is what no template matches"),
                );
                continue;
            };
            let key = (template.shape(rules), method.clone());
            if let Some(first) = known.get(&key) {
                let line = self.findings.line(*first);
                self.error(
                    Finding::error(
                        codes::DUPLICATE_ROUTE,
                        name.span,
                        format!("`{method} {}` is there already", template.as_str()),
                    )
                    .label(format!("matches the same requests as line {line}"))
                    .help("remove one of the two; names of parameters do not tell routes apart"),
                );
                continue;
            }
            known.insert(key, name.span);
            list.push((method, template));
        }
        known
    }

    /// Adds the routes of an OpenAPI document; whether they are known now.
    fn imported(
        &mut self,
        import: RawOpenApi,
        rules: PathRules,
        known: &Known,
        list: &mut Vec<(RouteMethod, Template)>,
    ) -> bool {
        let RawOpenApi(section) = import;
        let path = self.file(&section.file.value.0);
        self.inputs.push(path.clone());
        let text = match openapi::read_text(&path) {
            Ok(text) => text,
            Err(reason) => {
                self.error(
                    Finding::error(
                        codes::OPENAPI_UNREADABLE,
                        section.file.span,
                        format!("OpenAPI file cannot be read: {reason}"),
                    )
                    .label(format!("looked for {}", path.display()))
                    .help("write its name relative to the policy's folder"),
                );
                return false;
            }
        };
        let base_path = match section.base_path {
            None => BasePath::Unsaid,
            Some(RawBasePath::None) => BasePath::None,
            Some(RawBasePath::Servers) => BasePath::Servers,
            Some(RawBasePath::Path(path)) => BasePath::Path(path),
        };
        let name = path.display().to_string();
        let mut findings = Findings::new(Source {
            name: &name,
            text: &text,
        });
        let routes = openapi::import(&text, &base_path, rules, &mut findings);
        let failed = findings.has_errors();
        self.elsewhere.extend(findings.into_list());
        for (method, template) in &routes {
            if let Some(span) = known.get(&(template.shape(rules), method.clone())) {
                let finding = Finding::warning(
                    codes::DUPLICATE_ROUTE,
                    *span,
                    format!(
                        "`{method} {}` is in an OpenAPI document too",
                        template.as_str()
                    ),
                );
                self.findings.push(
                    finding
                        .label("listed by hand")
                        .help("remove it here: the import has it"),
                );
            }
        }
        list.extend(routes);
        !failed
    }

    /// Warns of what a route's name says beyond its meaning.
    fn route_notes(&mut self, name: &At<RouteName>) {
        let RouteNameParts::Named {
            method,
            template,
            notes,
            looks_like,
        } = &name.value.0
        else {
            return;
        };
        if let Some(usual) = looks_like {
            self.findings.push(
                Finding::warning(
                    codes::METHOD,
                    name.span,
                    format!("unusual method `{method}`"),
                )
                .help(format!("did you mean `{usual} {}`?", template.as_str())),
            );
        }
        for note in notes {
            let (message, help) = match note {
                TemplateNote::FragmentCut => (
                    "a fragment never reaches a server: it is left out",
                    format!("write `{method} {}`", template.as_str()),
                ),
                TemplateNote::QueryCut => (
                    "a route does not look at the query: it is left out",
                    format!("write `{method} {}`", template.as_str()),
                ),
                TemplateNote::SlashesCollapsed => (
                    "repeated slashes count as one, as they do in requests",
                    "write single slashes".to_owned(),
                ),
                TemplateNote::ColonLiteral => (
                    "a segment that begins with `:` matches just that text",
                    "write a parameter as `{name}`; for the text, write `%3A`".to_owned(),
                ),
            };
            self.findings
                .push(Finding::warning(codes::TEMPLATE_CHANGED, name.span, message).help(help));
        }
    }

    /// The route that another section names.
    pub(super) fn route(&mut self, name: &At<RouteName>, routes: &Routes) -> Option<RouteId> {
        let RouteNameParts::Named {
            method, template, ..
        } = &name.value.0
        else {
            return Some(RouteId::UNMATCHED);
        };
        let found = routes.table.named(method, template);
        if found.is_none() && routes.complete {
            let finding = unknown_route(method, template, name.span, &routes.table);
            self.error(finding);
        }
        found
    }
}

/// The same template with another method is the likeliest thing meant, then the nearest name.
fn unknown_route(
    method: &RouteMethod,
    template: &Template,
    span: Span,
    table: &RouteTable,
) -> Finding {
    let wanted = format!("{method} {}", template.as_str());
    let same_template = table
        .iter()
        .skip(1)
        .find(|(id, route)| table.named(&route.method, template) == Some(*id));
    let names: Vec<String> = table
        .iter()
        .skip(1)
        .take(SUGGESTIONS_MAX)
        .map(|(_, route)| route.to_string())
        .collect();
    let near = nearest(&wanted, names.iter().map(String::as_str));
    let help = match (same_template.map(|(_, route)| route.to_string()), near) {
        (Some(other), _) => format!("did you mean `{other}`?"),
        (None, Some(other)) => format!("did you mean `{other}`?"),
        (None, None) => format!("add `{wanted}` to `routes`, or name a route that is there"),
    };
    Finding::error(
        codes::UNKNOWN_ROUTE,
        span,
        format!("unknown route `{wanted}`"),
    )
    .label("neither listed nor imported")
    .help(help)
}
