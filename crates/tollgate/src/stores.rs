//! The policy's store, for whoever looks into it: where it is, whom is meant, and whose word counts.

use tollgate_engine::Level;
use tollgate_policy::{Policy, StorePlace};
use tollgate_store::{Holder, Location};
use zeroize::Zeroizing;

use crate::environment;
use crate::failure::Failure;

/// Where the store is.
pub(crate) fn location(place: &StorePlace) -> Result<Location, Failure> {
    let at = |text: &str| {
        text.parse().map_err(|source| Failure::StoreAway {
            location: "the store".to_owned(),
            source,
        })
    };
    match place {
        StorePlace::File(path) => Ok(Location::sqlite(path)),
        StorePlace::Url(url) => at(url),
        StorePlace::Environment => {
            let url: Option<Zeroizing<String>> = environment::store();
            let url = url.ok_or(Failure::NoStore)?;
            at(&url)
        }
    }
}

/// Who vouches for a name: as it is said, or the policy's issuer if it has only one.
pub(crate) fn issuer<'a>(said: Option<&'a str>, policy: &'a Policy) -> Result<&'a str, Failure> {
    let issuers = policy.identity().issuers.as_slice();
    match (said, issuers) {
        (Some(issuer), _) => Ok(issuer),
        (None, [only]) => Ok(&only.issuer),
        (None, _) => {
            let what =
                "the policy has not one issuer: say with `--issuer` who vouches for the name";
            Err(Failure::Misused(what.to_owned()))
        }
    }
}

/// A subject, or else an account.
pub(crate) fn holder(
    issuer: &str,
    subject: Option<&str>,
    account: Option<&str>,
) -> Result<Holder, Failure> {
    Ok(match subject {
        Some(subject) => Holder::subject(issuer, subject)?,
        None => Holder::account(issuer, account.unwrap_or_default())?,
    })
}

/// Whose record it was, as the engine says it.
pub(crate) fn level(whose: tollgate_store::Level) -> Level {
    match whose {
        tollgate_store::Level::Subject => Level::Subject,
        tollgate_store::Level::Account => Level::Account,
    }
}
