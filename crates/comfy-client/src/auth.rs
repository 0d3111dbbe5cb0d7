//! Credentials for a server behind a proxy; ComfyUI itself knows none.

use std::fmt;

/// A password or token. `Debug` hides it, and there is no `Display`.
///
/// ```
/// use comfy_client::Secret;
/// let secret = Secret::from("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret([hidden])");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// The text itself. Whoever calls this keeps it out of logs, errors and results.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([hidden])")
    }
}

/// What is sent as `Authorization`, over HTTP and in the WebSocket handshake alike.
///
/// ```
/// use comfy_client::Auth;
/// let auth = Auth::Basic { user: "ann".to_owned(), password: "hunter2".into() };
/// assert!(!format!("{auth:?}").contains("hunter2"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer …`
    Bearer(Secret),
    /// `Authorization: Basic …`
    Basic {
        /// The user's name; it may not contain a colon.
        user: String,
        /// The password; it may be empty.
        password: Secret,
    },
}
