//! Somebody at a browser, without the browser: a cookie, and the token that the forms of their pages have.

use http::Method;
use tollgate_admin::Role;

use crate::support::{Api, Ask, Reply, get};

/// Somebody who has signed in.
pub(crate) struct Seat {
    pub(crate) cookie: String,
    pub(crate) token: String,
}

/// What a page has in a field of its first form with that name.
#[track_caller]
pub(crate) fn value(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .split_once(&mark)
        .unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

pub(crate) fn text(reply: &Reply) -> String {
    String::from_utf8(reply.bytes.to_vec()).unwrap()
}

/// The cookie of an answer, without what browsers are told about it.
pub(crate) fn cookie(reply: &Reply) -> Option<String> {
    let field = reply.field("set-cookie")?;
    Some(field.split(';').next().unwrap().to_owned())
}

/// A form as a browser sends it from a page of this origin.
pub(crate) fn form(path: &str, cookie: &str, fields: &[(&str, &str)]) -> Ask {
    let ask = Ask::new(Method::POST, path).form(fields);
    // A page that sends no referrer is of no origin, as far as the field goes.
    ask.field("cookie", cookie)
        .field("sec-fetch-site", "same-origin")
        .field("origin", "null")
}

pub(crate) async fn try_key(api: &Api, key: &str) -> Reply {
    let page = api.send(&get("/sign-in")).await;
    assert_eq!(page.status, 200);
    let visit = cookie(&page).unwrap();
    let token = value(&text(&page), "token");
    let fields = [("token", token.as_str()), ("admin-key", key)];
    api.send(&form("/sign-in", &visit, &fields)).await
}

impl Seat {
    pub(crate) async fn take(api: &Api, role: Role) -> Seat {
        let reply = try_key(api, api.key(role)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.field("location")),
            (303, Some("/"))
        );
        let cookie = cookie(&reply).unwrap();
        let page = api.send(&get("/").field("cookie", &cookie)).await;
        assert_eq!(page.status, 200, "{page:?}");
        Seat {
            cookie,
            token: value(&text(&page), "token"),
        }
    }

    pub(crate) async fn get(&self, api: &Api, path: &str) -> Reply {
        api.send(&get(path).field("cookie", &self.cookie)).await
    }

    /// A page that has to be there.
    pub(crate) async fn page(&self, api: &Api, path: &str) -> String {
        let reply = self.get(api, path).await;
        assert_eq!(reply.status, 200, "{path}: {}", text(&reply));
        text(&reply)
    }

    /// A page as the script fetches it.
    pub(crate) async fn live(&self, api: &Api, path: &str) -> String {
        let ask = get(path)
            .field("cookie", &self.cookie)
            .field("tollgate-live", "1");
        text(&api.send(&ask).await)
    }

    /// Sends a form, with the token and what else it has.
    pub(crate) async fn send(&self, api: &Api, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = [("token", self.token.as_str())];
        let fields = [&token[..], fields].concat();
        api.send(&form(path, &self.cookie, &fields)).await
    }

    /// Sends one that has to be done; gives where the browser goes then.
    pub(crate) async fn done(&self, api: &Api, path: &str, fields: &[(&str, &str)]) -> String {
        let reply = self.send(api, path, fields).await;
        assert_eq!(reply.status, 303, "{path}: {}", text(&reply));
        reply.field("location").unwrap().to_owned()
    }
}

/// The page of a subject of the usual issuer, or what a form of it does.
pub(crate) fn subject(path: &str, name: &str) -> String {
    format!("{path}?kind=subject&issuer=https%3A%2F%2Flogin.example&name={name}")
}
