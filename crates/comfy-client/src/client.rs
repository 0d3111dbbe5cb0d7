//! The handle to one server.

use std::sync::Arc;

use crate::{
    auth::Auth, error::Error, http::Http, limits::Limits, session::Session, url::ServerUrl,
};

/// How a [`Client`] talks to its server.
///
/// ```
/// use comfy_client::{Auth, ClientOptions};
/// let options = ClientOptions {
///     auth: Some(Auth::Bearer("token".into())),
///     ..ClientOptions::default()
/// };
/// assert!(!format!("{options:?}").contains("token"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Credentials, when a proxy before the server wants them.
    pub auth: Option<Auth>,
    /// Waits and sizes.
    pub limits: Limits,
}

/// One ComfyUI server. Clones share one pool of connections.
///
/// ```
/// use comfy_client::{Client, ClientOptions};
/// let client = Client::new("http://127.0.0.1:8188".parse()?, ClientOptions::default())?;
/// assert_eq!(client.url().to_string(), "http://127.0.0.1:8188/");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: Arc<Http>,
}

impl Client {
    /// A client for one server. Nothing is sent before the first call. Fails when the
    /// credentials fit in no header, a limit makes another one useless, or this machine has no
    /// usable TLS setup.
    pub fn new(url: ServerUrl, options: ClientOptions) -> Result<Self, Error> {
        options.limits.check()?;
        Ok(Self { http: Arc::new(Http::new(url, options.auth, options.limits)?) })
    }

    /// The server's address.
    pub fn url(&self) -> &ServerUrl {
        &self.http.server
    }

    /// The limits it keeps.
    pub fn limits(&self) -> &Limits {
        &self.http.limits
    }

    /// Opens the server's WebSocket under a fresh client id and waits for the first status, so
    /// that no event of what is submitted afterwards can be missed. One session serves any
    /// number of prompts.
    pub async fn open_session(&self) -> Result<Session, Error> {
        Session::open(self.clone()).await
    }
}
