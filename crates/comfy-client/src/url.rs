//! The address of a server, free of credentials by construction.

use std::{fmt, str::FromStr, sync::Arc};

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;

use crate::auth::{Auth, Secret};

/// Where a server is: `http` or `https`, a host, perhaps a port and a base path.
///
/// - It never holds credentials, a query or a fragment.
/// - The path ends in `/`, and every route is appended to it.
///
/// ```
/// use comfy_client::ServerUrl;
///
/// let url: ServerUrl = "https://gpu.example/comfy".parse()?;
/// assert_eq!(url.to_string(), "https://gpu.example/comfy/");
/// assert!("gpu.example:8188".parse::<ServerUrl>().is_err());
/// assert!("http://ann:hunter2@gpu.example".parse::<ServerUrl>().is_err());
/// # Ok::<(), comfy_client::InvalidServerUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl(Arc<Url>);

/// Why a text is not the address of a server: everything that is wrong with it. The text itself
/// is not repeated, because it may hold credentials.
///
/// ```
/// use comfy_client::ServerUrl;
/// assert_eq!(
///     "ftp://host/#x".parse::<ServerUrl>().unwrap_err().to_string(),
///     "not the address of a ComfyUI server: it must begin with `http://` or `https://`; \
///      it must not have a fragment (`#…`)"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not the address of a ComfyUI server: {}", listed(.problems))]
pub struct InvalidServerUrl {
    /// What is wrong, in the order of the address.
    pub problems: Vec<UrlProblem>,
}

/// One thing that is wrong with an address.
///
/// ```
/// use comfy_client::{ServerUrl, UrlProblem};
/// let error = "localhost:8188".parse::<ServerUrl>().unwrap_err();
/// assert_eq!(error.problems, [UrlProblem::Scheme]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlProblem {
    /// It is no URL at all.
    #[error("it is not a URL ({reason}); write for example `http://127.0.0.1:8188`")]
    Unreadable {
        /// What the URL grammar objects to.
        reason: url::ParseError,
    },
    /// Neither `http` nor `https`; `host:8188` without a scheme ends here too.
    #[error("it must begin with `http://` or `https://`")]
    Scheme,
    /// A user name or a password stands before the host.
    #[error("it must not hold a user name or password; give them as credentials")]
    Credentials,
    /// A query.
    #[error("it must not have a query (`?…`)")]
    Query,
    /// A fragment.
    #[error("it must not have a fragment (`#…`)")]
    Fragment,
}

impl ServerUrl {
    /// Reads an address and moves a user name and password in it, if any, to [`Auth::Basic`].
    ///
    /// ```
    /// use comfy_client::{Auth, ServerUrl};
    ///
    /// let (url, auth) = ServerUrl::parse_with_auth("http://ann:p%40ss@gpu.example:8188")?;
    /// assert_eq!(url.to_string(), "http://gpu.example:8188/");
    /// assert_eq!(auth, Some(Auth::Basic { user: "ann".to_owned(), password: "p@ss".into() }));
    /// # Ok::<(), comfy_client::InvalidServerUrl>(())
    /// ```
    pub fn parse_with_auth(text: &str) -> Result<(Self, Option<Auth>), InvalidServerUrl> {
        let mut url = read(text)?;
        let auth = has_credentials(&url).then(|| Auth::Basic {
            user: decoded(url.username()),
            password: Secret::from(decoded(url.password().unwrap_or_default())),
        });
        if auth.is_some() && (url.set_password(None).is_err() || url.set_username("").is_err()) {
            return Err(InvalidServerUrl { problems: vec![UrlProblem::Credentials] });
        }
        Ok((Self::checked(url)?, auth))
    }

    /// The address of a route: each segment is encoded, so that none can become two.
    pub(crate) fn route(&self, segments: &[&str]) -> Url {
        let mut url = (*self.0).clone();
        // An `http` URL always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The address of the WebSocket for one client id.
    pub(crate) fn socket(&self, client_id: &str) -> Url {
        let mut url = self.route(&["ws"]);
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        // Both pairs are "special" schemes, between which a URL may change.
        if url.set_scheme(scheme).is_err() {
            tracing::error!(server = %self, scheme, "the URL did not take the scheme");
        }
        url.query_pairs_mut().append_pair("clientId", client_id);
        url
    }

    fn checked(mut url: Url) -> Result<Self, InvalidServerUrl> {
        let wrong = [
            (!matches!(url.scheme(), "http" | "https"), UrlProblem::Scheme),
            (has_credentials(&url), UrlProblem::Credentials),
            (url.query().is_some(), UrlProblem::Query),
            (url.fragment().is_some(), UrlProblem::Fragment),
        ];
        let problems: Vec<UrlProblem> = wrong
            .into_iter()
            .filter_map(|(is_wrong, problem)| is_wrong.then_some(problem))
            .collect();
        if !problems.is_empty() {
            return Err(InvalidServerUrl { problems });
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(Arc::new(url)))
    }
}

fn read(text: &str) -> Result<Url, InvalidServerUrl> {
    Url::parse(text).map_err(|reason| {
        let problem = if reason == url::ParseError::RelativeUrlWithoutBase {
            UrlProblem::Scheme
        } else {
            UrlProblem::Unreadable { reason }
        };
        InvalidServerUrl { problems: vec![problem] }
    })
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn listed(problems: &[UrlProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl FromStr for ServerUrl {
    type Err = InvalidServerUrl;

    fn from_str(text: &str) -> Result<Self, InvalidServerUrl> {
        Self::checked(read(text)?)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_route(base: &str, segments: &[&str], expected: &str) {
        let url: ServerUrl = base.parse().unwrap();
        assert_eq!(url.route(segments).as_str(), expected);
    }

    #[test]
    fn routes_follow_the_base_path_and_segments_are_encoded() {
        check_route("http://h:1", &["queue"], "http://h:1/queue");
        check_route("http://h:1/base/", &["queue"], "http://h:1/base/queue");
        check_route(
            "http://h:1/a/b",
            &["object_info", "x/y?z"],
            "http://h:1/a/b/object_info/x%2Fy%3Fz",
        );
    }

    #[test]
    fn the_socket_uses_the_scheme_that_belongs_to_http() {
        let url: ServerUrl = "https://h/base".parse().unwrap();
        assert_eq!(url.socket("a b").as_str(), "wss://h/base/ws?clientId=a+b");
        let url: ServerUrl = "http://[::1]:8188".parse().unwrap();
        assert_eq!(url.socket("x").as_str(), "ws://[::1]:8188/ws?clientId=x");
    }

    #[test]
    fn every_problem_is_listed() {
        let error = "ws://u:p@h/?a#b".parse::<ServerUrl>().unwrap_err();
        assert_eq!(
            error.problems,
            [UrlProblem::Scheme, UrlProblem::Credentials, UrlProblem::Query, UrlProblem::Fragment]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_reads_again(text in "\\PC{0,60}") {
            if let Ok(url) = text.parse::<ServerUrl>() {
                prop_assert_eq!(url.to_string().parse::<ServerUrl>(), Ok(url));
            }
        }

        #[test]
        fn credentials_are_moved_and_never_shown(
            user in "[a-z]{1,8}",
            password in "[A-Z0-9]{6,12}",
            host in "[a-z]{1,10}",
            path in "(/[a-z]{1,5}){0,3}",
        ) {
            let text = format!("https://{user}:{password}@{host}{path}");
            let refused = text.parse::<ServerUrl>().unwrap_err();
            let shown = format!("{refused} {refused:?}");
            prop_assert!(!shown.contains(&password));
            let (url, auth) = ServerUrl::parse_with_auth(&text).unwrap();
            let shown = format!("{url} {url:?} {auth:?}");
            prop_assert!(!shown.contains(&password));
            prop_assert_eq!(auth, Some(Auth::Basic { user, password: password.into() }));
            prop_assert_eq!(url.to_string(), format!("https://{host}{path}/"));
        }
    }
}
