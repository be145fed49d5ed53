//! Who calls, and on which plan: the first step of every decision.

use tollgate_identity::{
    CERTIFICATE_ISSUER, CertificateError, CertificateVerdict, Credential, FailureBudget,
    TokenVerdict, User, bearer_bytes, client_network, credential,
};
use tollgate_limiter::Now;
use tollgate_policy::{FailMode, InvalidToken, PlanId};

use crate::budget::NetworkBudget;
use crate::consulted::Consulted;
use crate::decision::{Principal, Rejection, Unauthenticated, Verdict};
use crate::head::RequestHead;
use crate::key_wait::KeyWait;
use crate::snapshot::Snapshot;
use crate::standing::PlanSource;

/// What to do when a token names a key that is not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenKeysAreMissing {
    /// Let the caller wait for a refetch.
    Ask,
    /// Decide without.
    Refuse,
}

/// The outcome of asking who calls.
pub(crate) enum Identified {
    Caller(Principal, PlanId, PlanSource),
    Refused(Verdict),
    /// The network's budget of failed verifications is spent.
    OverBudget(Consulted),
    AwaitKeys(KeyWait),
}

impl Snapshot {
    pub(crate) fn identify(
        &self,
        head: &RequestHead<'_>,
        now: Now,
        missing: WhenKeysAreMissing,
        failures: &NetworkBudget<'_>,
    ) -> Identified {
        // Nearly every request: a token that is in memory, and nothing beside it that could count.
        if self.api_keys.is_none()
            && let Some(token) = bearer_bytes(head.headers)
            && let Some(user) = self.verifier.recall(token, now.unix_s())
        {
            let (plan, source) = self.plan_of(&user);
            return Identified::Caller(Principal::User(user), plan, source);
        }
        let in_field = credential(head.headers, None);
        if let Some(identified) = self.by_api_key(&in_field, head, now, failures) {
            return identified;
        }
        // A cookie comes with every request, whatever its page meant: it is the last to be asked.
        let cookie = self.policy().identity().token_cookie.as_deref();
        let token = match in_field {
            Credential::None if cookie.is_some() => credential(head.headers, cookie),
            field => field,
        };
        let token = match token {
            Credential::Bearer(token) => token,
            Credential::None | Credential::OtherScheme => {
                return self.without_token(head, now);
            }
            Credential::Malformed(error) if error.is_bad_request() => {
                return Identified::Refused(Verdict::BadRequest(Rejection::Credential(error)));
            }
            Credential::Malformed(error) => {
                return self.invalid(head, Unauthenticated::EmptyCredential(error));
            }
        };
        match self.verifier.verify_within(token, now.unix_s(), failures) {
            TokenVerdict::Valid(user) => {
                let (plan, source) = self.plan_of(&user);
                Identified::Caller(Principal::User(user), plan, source)
            }
            TokenVerdict::Invalid(error) => {
                self.invalid(head, Unauthenticated::InvalidToken(error))
            }
            TokenVerdict::KeysPending { issuer } => match missing {
                WhenKeysAreMissing::Ask => {
                    let holder = self.key_sources()[issuer].holder.clone();
                    Identified::AwaitKeys(KeyWait::new(holder))
                }
                WhenKeysAreMissing::Refuse if self.key_sources()[issuer].ready() => {
                    failures.charge();
                    let refusal =
                        Unauthenticated::InvalidToken(tollgate_identity::TokenError::UnknownKey);
                    Identified::Refused(Verdict::Unauthenticated(refusal))
                }
                WhenKeysAreMissing::Refuse => self.without_keys(head),
            },
            TokenVerdict::KeysUnavailable { .. } => self.without_keys(head),
            TokenVerdict::OverBudget => Identified::OverBudget(failures.look().unwrap_or_default()),
        }
    }

    /// Without a token in the request, the connection's certificate says who calls, where the policy
    /// has it so.
    fn without_token(&self, head: &RequestHead<'_>, now: Now) -> Identified {
        let Some(rules) = &self.certificates else {
            return self.anonymous(head, Unauthenticated::MissingToken);
        };
        let Some(certificate) = head.certificate else {
            return self.anonymous(head, Unauthenticated::MissingToken);
        };
        match rules.identify(certificate, now.unix_s()) {
            CertificateVerdict::Valid(user) => {
                let (plan, source) = self.certificate_plan();
                Identified::Caller(Principal::User(user), plan, source)
            }
            // A credential that was good once is one that does not count, not one that is not there.
            CertificateVerdict::Invalid(CertificateError::Expired) => {
                self.invalid(head, Unauthenticated::CertificateExpired)
            }
            CertificateVerdict::Invalid(_) => self.anonymous(head, Unauthenticated::MissingToken),
        }
    }

    /// What a caller without any credential is told.
    pub(crate) fn required_credential(&self) -> &'static str {
        let tokens = !self.policy().identity().issuers.is_empty();
        match (tokens, &self.api_keys, &self.certificates) {
            (_, None, None) => "a bearer token is required",
            (true, Some(_), None) => "a bearer token or an API key is required",
            (false, Some(_), None) => "an API key is required",
            (true, None, Some(_)) => {
                "a bearer token, or a client certificate that names a user, is required"
            }
            (false, None, Some(_)) => "a client certificate that names a user is required",
            (_, Some(_), Some(_)) => {
                "a bearer token, an API key, or a client certificate that names a user, is required"
            }
        }
    }

    /// The plan of users who are known by their certificate.
    pub(crate) fn certificate_plan(&self) -> (PlanId, PlanSource) {
        let config = self.policy().identity().client_certificates;
        match config.and_then(|config| config.plan) {
            Some(plan) => (plan, PlanSource::Certificate),
            None => (self.policy().default_plan(), PlanSource::Default),
        }
    }

    /// The plan of a user whose names alone are known.
    pub(crate) fn plan_of_named(&self, user: &User) -> (PlanId, PlanSource) {
        match &*user.issuer {
            CERTIFICATE_ISSUER => self.certificate_plan(),
            _ => self.plan_of(user),
        }
    }

    /// The plan of a user of whom nothing is said but by its credential: what that names, else the
    /// default plan.
    pub(crate) fn plan_of(&self, user: &User) -> (PlanId, PlanSource) {
        let named = user.plan.as_deref();
        match named.and_then(|name| self.policy().plan_named(name)) {
            Some(plan) => (plan, PlanSource::Credential),
            None => (self.policy().default_plan(), PlanSource::Default),
        }
    }

    /// A credential that does not count: refused, or as if there were none, as the policy says.
    pub(crate) fn invalid(&self, head: &RequestHead<'_>, refusal: Unauthenticated) -> Identified {
        match self.policy().identity().invalid_token {
            InvalidToken::Reject => Identified::Refused(Verdict::Unauthenticated(refusal)),
            InvalidToken::Anonymous => self.anonymous(head, refusal),
        }
    }

    /// The issuer gave no keys: the policy says whether that closes the door or makes everybody
    /// anonymous. It never makes an unverified caller a user.
    fn without_keys(&self, head: &RequestHead<'_>) -> Identified {
        match self.policy().on_failure().identity {
            FailMode::Open => match self.anonymous(head, Unauthenticated::MissingToken) {
                Identified::Refused(_) => Identified::Refused(Verdict::Unavailable),
                identified => identified,
            },
            FailMode::Closed => Identified::Refused(Verdict::Unavailable),
        }
    }

    pub(crate) fn anonymous(&self, head: &RequestHead<'_>, refusal: Unauthenticated) -> Identified {
        match &self.policy().identity().anonymous {
            Some(anonymous) => {
                let network = client_network(head.peer, head.headers, &self.networks);
                let source = PlanSource::Anonymous;
                Identified::Caller(Principal::Anonymous(network), anonymous.plan, source)
            }
            None => Identified::Refused(Verdict::Unauthenticated(refusal)),
        }
    }
}
