//! Values of the policy file: each is checked where it is read, at its own place.

mod address;
mod calendar;
mod descriptors;
mod mail;
mod names;
mod numbers;
mod requests;
mod route_names;
mod time;
mod url;
mod words;

pub(crate) use address::{Address, ClientAddress, Network};
pub(crate) use calendar::{QuotaText, ZoneName};
pub(crate) use descriptors::{DescriptorText, UnitName};
pub(crate) use mail::{MailAddress, SmtpUrl};
pub(crate) use names::{
    ClaimName, ClassName, CookieName, FilePath, HeaderName, HeaderValue, LimitName, PathText,
    PlanName, ShortText, header_name, plan_name,
};
pub(crate) use numbers::{ByteSize, Percent, Share, Units, Whole};
pub(crate) use requests::{RequestLine, RequestParts, SendLine};
pub(crate) use route_names::{RouteName, RouteNameParts, route_name};
pub(crate) use time::{Moment, Period, RateText};
pub(crate) use url::{OriginUrl, WebUrl, WebUrlParts};
pub(crate) use words::{OffOr, OnExceedWord, Word};
