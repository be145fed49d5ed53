//! Web ACLs of AWS WAF (WAFv2): their parts, what they cost, and what may not be in them.
