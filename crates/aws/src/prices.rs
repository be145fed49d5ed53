//! What AWS charges, in US dollars: a dated table that anybody may put their own figures in.

use serde::Deserialize;

/// Prices of us-east-1 and North America.
///
/// The defaults are of [`PRICES_DATED`], from what others quote of AWS' price pages; those that no
/// page at hand confirms are marked below. A file may replace any of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// When the figures were looked up.
    pub dated: String,
    /// CloudFront, a million HTTPS requests.
    pub cloudfront_requests: f64,
    /// CloudFront Functions, a million runs.
    pub function_runs: f64,
    /// Key-value store, a million reads. Not confirmed.
    pub store_reads: f64,
    /// WAF, a million requests looked at, those that it blocks included.
    pub waf_requests: f64,
    /// WAF, a web ACL a month.
    pub waf_acl_month: f64,
    /// WAF, a rule a month.
    pub waf_rule_month: f64,
    /// API Gateway, a million requests of a REST API.
    pub rest_requests: f64,
    /// API Gateway, a million requests of an HTTP API.
    pub http_requests: f64,
    /// Lambda, a million calls, without their duration.
    pub lambda_requests: f64,
    /// DynamoDB on demand, a million write units.
    pub dynamodb_writes: f64,
}

/// The date of the built-in table.
pub const PRICES_DATED: &str = "2026-11-23";

impl Default for Prices {
    fn default() -> Prices {
        Prices {
            dated: PRICES_DATED.to_owned(),
            cloudfront_requests: 1.00,
            function_runs: 0.10,
            store_reads: 0.03,
            waf_requests: 0.60,
            waf_acl_month: 5.00,
            waf_rule_month: 1.00,
            rest_requests: 3.50,
            http_requests: 1.00,
            lambda_requests: 0.20,
            dynamodb_writes: 0.625,
        }
    }
}

/// What a deployment costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// A month, whatever comes.
    pub month: f64,
    /// A million requests that pass.
    pub passed: f64,
    /// A million requests that WAF blocks.
    pub blocked: f64,
}

impl Prices {
    /// Reads a table that replaces some of the figures: a JSON object with their names.
    ///
    /// # Errors
    /// With the place of what is not a price.
    pub fn read(json: &str) -> Result<Prices, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// What the edge itself costs, for a number of rules and of store reads a request.
    #[must_use]
    pub fn edge(&self, variant: crate::target::Variant, rules: usize, reads: usize) -> Cost {
        use crate::target::Variant;
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let function = self.function_runs + self.store_reads * count(reads);
        let one = self.cloudfront_requests + function + self.waf_requests;
        let (passed, blocked) = match variant {
            Variant::After => (one, one),
            // WAF comes first: what it blocks runs no function.
            Variant::Before => (one, self.cloudfront_requests + self.waf_requests),
            Variant::Chained => {
                let two = one + self.cloudfront_requests;
                (two, two)
            }
        };
        Cost {
            month: self.waf_acl_month + self.waf_rule_month * count(rules),
            passed,
            blocked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Variant;

    #[test]
    fn a_table_of_ones_own_replaces_what_it_names() {
        let prices = Prices::read(r#"{"dated": "2027-01-01", "waf_requests": 0.5}"#).unwrap();
        assert_eq!(prices.dated, "2027-01-01");
        let usual = Prices::default();
        let (own, usual) = (
            prices.edge(Variant::After, 2, 1),
            usual.edge(Variant::After, 2, 1),
        );
        assert!((usual.passed - own.passed - 0.1).abs() < 1e-9);
        assert!(Prices::read(r#"{"waf": 1}"#).is_err());
    }

    #[test]
    fn what_is_blocked_before_the_function_costs_less() {
        let prices = Prices::default();
        let cost = |variant| prices.edge(variant, 3, 1);
        assert!(cost(Variant::Before).blocked < cost(Variant::After).blocked);
        assert!(cost(Variant::Chained).passed > cost(Variant::After).passed);
        assert!((cost(Variant::After).month - 8.0).abs() < 1e-9);
    }
}
