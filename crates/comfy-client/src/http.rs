//! The one place that sends requests, checks statuses, bounds bodies and adds credentials.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use reqwest::{
    RequestBuilder, Response, Url,
    header::{self, HeaderMap, HeaderValue},
};
use tokio::time;
use workflow_graph::Json;

use crate::{
    auth::Auth,
    error::{BoxError, Call, Error, Method},
    excerpt::Excerpt,
    limits::Limits,
    url::ServerUrl,
};

/// How much of an answer is looked at for the line that an error repeats. Pages begin with much
/// white space.
const EXCERPT_BYTES_READ: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    pub(crate) server: ServerUrl,
    pub(crate) limits: Limits,
    /// Marked as sensitive, so that no library prints it.
    authorization: Option<HeaderValue>,
    auth: Option<Auth>,
    /// Whether the server was found to have no route that cancels a job.
    cannot_cancel_jobs: AtomicBool,
}

/// What is sent with a `POST`.
#[derive(Debug)]
pub(crate) enum Body {
    Json(Json),
    Form(reqwest::multipart::Form),
}

/// A whole answer with a status that is not checked yet.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) call: Call,
    pub(crate) status: u16,
    content_type: Option<String>,
    location: Option<String>,
    body: Bytes,
}

impl Http {
    pub(crate) fn new(
        server: ServerUrl,
        auth: Option<Auth>,
        limits: Limits,
    ) -> Result<Self, Error> {
        install_crypto_provider();
        let client = reqwest::Client::builder()
            .connect_timeout(limits.connect_timeout)
            // A redirect could lead the credentials astray, and ComfyUI never sends one.
            .redirect(reqwest::redirect::Policy::none())
            // Only the binaries read the environment.
            .no_proxy()
            .build()
            .map_err(|source| Error::Setup { source: source.into() })?;
        let authorization = auth.as_ref().map(|auth| authorization(&client, auth)).transpose()?;
        let cannot_cancel_jobs = AtomicBool::new(false);
        Ok(Self { client, server, limits, authorization, auth, cannot_cancel_jobs })
    }

    /// Whether the server may have a route that cancels a job.
    pub(crate) fn may_cancel_jobs(&self) -> bool {
        !self.cannot_cancel_jobs.load(Ordering::Relaxed)
    }

    /// Remembers whether the server has a route that cancels a job.
    pub(crate) fn note_cancels_jobs(&self, has_route: bool) {
        self.cannot_cancel_jobs.store(!has_route, Ordering::Relaxed);
    }

    /// Another version of the server may answer from here on.
    pub(crate) fn forget_abilities(&self) {
        self.note_cancels_jobs(true);
    }

    /// The value of `Authorization`, for the WebSocket handshake.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    pub(crate) fn call(&self, method: Method, segments: &[&str]) -> Call {
        Call::new(method, &format!("/{}", segments.join("/")), &self.server)
    }

    /// Asks for JSON.
    pub(crate) async fn get_json(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Json, Error> {
        self.get(segments, query).await?.success(self)?.json(self)
    }

    /// Asks, whatever the status of the answer.
    pub(crate) async fn get(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        let call = self.call(Method::Get, segments);
        let request = self.client.get(self.url(segments, query));
        self.exchange(call, request, "reply_timeout", self.limits.reply_timeout).await
    }

    /// Tells, whatever the status of the answer.
    pub(crate) async fn post(&self, segments: &[&str], body: Body) -> Result<Reply, Error> {
        let call = self.call(Method::Post, segments);
        let request = self.client.post(self.url(segments, &[]));
        match body {
            Body::Json(json) => {
                let request =
                    request.header(header::CONTENT_TYPE, "application/json").body(json.to_string());
                self.exchange(call, request, "reply_timeout", self.limits.reply_timeout).await
            }
            Body::Form(form) => {
                let request = request.multipart(form);
                self.exchange(call, request, "upload_timeout", self.limits.upload_timeout).await
            }
        }
    }

    /// Tells with `PATCH`, whatever the status of the answer.
    pub(crate) async fn patch(&self, segments: &[&str], body: &Json) -> Result<Reply, Error> {
        let call = self.call(Method::Patch, segments);
        let request = self.client.patch(self.url(segments, &[]));
        let request =
            request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        self.exchange(call, request, "reply_timeout", self.limits.reply_timeout).await
    }

    /// Asks for a file: the answer's head, the body still to come.
    pub(crate) async fn open(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<(Call, Response), Error> {
        let call = self.call(Method::Get, segments);
        let request = self.client.get(self.url(segments, query));
        let after = self.limits.reply_timeout;
        match time::timeout(after, self.send(&call, request)).await {
            Ok(response) => Ok((call, response?)),
            Err(_) => Err(Error::Timeout { call, limit: "reply_timeout", after }),
        }
    }

    /// Reads the rest of an answer, at most `json_bytes_max`.
    pub(crate) async fn read(&self, call: Call, mut response: Response) -> Result<Reply, Error> {
        let bytes_max = self.limits.json_bytes_max;
        let too_large = |call| Error::BodyTooLarge { call, limit: "json_bytes_max", bytes_max };
        if response.content_length().is_some_and(|length| length > bytes_max) {
            return Err(too_large(call));
        }
        let mut body = BytesMut::new();
        while let Some(piece) =
            response.chunk().await.map_err(|source| lost(call.clone(), source))?
        {
            body.extend_from_slice(&piece);
            if u64::try_from(body.len()).is_ok_and(|length| length > bytes_max) {
                return Err(too_large(call));
            }
        }
        Ok(Reply::new(call, response.status().as_u16(), response.headers(), body.freeze()))
    }

    async fn exchange(
        &self,
        call: Call,
        request: RequestBuilder,
        limit: &'static str,
        after: Duration,
    ) -> Result<Reply, Error> {
        let exchange = async {
            let response = self.send(&call, request).await?;
            self.read(call.clone(), response).await
        };
        match time::timeout(after, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(Error::Timeout { call, limit, after }),
        }
    }

    async fn send(&self, call: &Call, request: RequestBuilder) -> Result<Response, Error> {
        let request = match &self.authorization {
            Some(value) => request.header(header::AUTHORIZATION, value.clone()),
            None => request,
        };
        request.send().await.map_err(|source| {
            let server = self.server.clone();
            if source.is_connect() && source.is_timeout() {
                Error::ConnectTimeout { server, after: self.limits.connect_timeout }
            } else if source.is_connect() {
                Error::Connect { server, source: source.without_url().into() }
            } else {
                lost(call.clone(), source)
            }
        })
    }

    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.server.route(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The beginning of a text from the server, in one line, without our credentials should the
    /// server have repeated them.
    pub(crate) fn excerpt(&self, body: &[u8]) -> String {
        let read = body.get(..EXCERPT_BYTES_READ).unwrap_or(body);
        let mut line = one_line(&String::from_utf8_lossy(read));
        let mut secret_chars_max = 0;
        for secret in self.secrets() {
            let secret = one_line(&secret);
            secret_chars_max = secret_chars_max.max(secret.chars().count());
            line = line.replace(&secret, "[hidden]");
        }
        if read.len() < body.len() {
            // A secret may have been cut in two.
            let safe = line.chars().count().saturating_sub(secret_chars_max);
            line = line.chars().take(safe).collect();
            line.push('…');
        }
        Excerpt(&line).to_string()
    }

    fn secrets(&self) -> impl Iterator<Item = String> {
        let text = match &self.auth {
            Some(Auth::Bearer(secret)) => Some(secret.expose().to_owned()),
            Some(Auth::Basic { password, .. }) => Some(password.expose().to_owned()),
            None => None,
        };
        let header = self
            .authorization
            .as_ref()
            .and_then(|value| Some(value.to_str().ok()?.split_once(' ')?.1.to_owned()));
        text.into_iter().chain(header).filter(|secret| !secret.trim().is_empty())
    }
}

impl Reply {
    pub(crate) fn new(call: Call, status: u16, headers: &HeaderMap, body: Bytes) -> Self {
        let content_type = text_of(headers, header::CONTENT_TYPE);
        let location = text_of(headers, header::LOCATION);
        Self { call, status, content_type, location, body }
    }

    /// Refuses every status that is not a success, in the way that says most.
    pub(crate) fn success(self, http: &Http) -> Result<Self, Error> {
        let is_html = is_html(self.content_type.as_deref());
        let Self { call, status, content_type, location, body } = self;
        let start = || http.excerpt(&body);
        match status {
            200..=299 => Ok(Self { call, status, content_type, location, body }),
            300..=399 => {
                let location = location.as_deref().and_then(|to| without_secrets(to, http));
                Err(Error::Redirected { call, location })
            }
            401 | 403 => {
                let with_credentials = http.authorization.is_some();
                Err(Error::Refused { call, status, with_credentials })
            }
            413 => Err(Error::RequestTooLarge { body: start(), call }),
            400..=499 if is_html => Err(Error::NotComfyUi { start: start(), call, content_type }),
            _ => Err(Error::Status { body: start(), call, status }),
        }
    }

    /// The body as JSON.
    pub(crate) fn json(&self, http: &Http) -> Result<Json, Error> {
        Json::parse_deep(&self.body).map_err(|source| {
            if self.is_json() {
                let start = http.excerpt(&self.body);
                Error::NotJson { call: self.call.clone(), start, source }
            } else {
                self.foreign(http)
            }
        })
    }

    /// What to say when ComfyUI would not answer like this.
    pub(crate) fn foreign(&self, http: &Http) -> Error {
        Error::NotComfyUi {
            call: self.call.clone(),
            content_type: self.content_type.clone(),
            start: http.excerpt(&self.body),
        }
    }

    fn is_json(&self) -> bool {
        self.content_type.as_ref().is_some_and(|kind| kind.contains("json"))
    }
}

pub(crate) fn is_html(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|kind| kind.contains("html"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The connection ended after the request was sent.
pub(crate) fn lost(call: Call, source: reqwest::Error) -> Error {
    Error::ReplyLost { call, source: source.without_url().into() }
}

pub(crate) fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

/// rustls needs one provider of cryptography for the whole process. Whoever comes first decides,
/// and any will do, so an earlier one is no error.
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none()
        && rustls::crypto::ring::default_provider().install_default().is_err()
    {
        tracing::debug!("another thread installed a crypto provider first");
    }
}

/// The header is built by the library that would send it, so that both transports send the same.
fn authorization(client: &reqwest::Client, auth: &Auth) -> Result<HeaderValue, Error> {
    let request = client.get("http://localhost/");
    let request = match auth {
        Auth::Bearer(token) => request.bearer_auth(token.expose()),
        Auth::Basic { user, .. } if user.contains(':') => {
            return Err(Error::Unusable {
                problem: "a user name for basic authentication cannot contain a colon".to_owned(),
            });
        }
        Auth::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
    };
    let request = request.build().map_err(|_| Error::Unusable {
        problem: "the credentials have characters that an HTTP header cannot carry".to_owned(),
    })?;
    request.headers().get(header::AUTHORIZATION).cloned().ok_or_else(|| {
        let source: BoxError = "the HTTP client made no authorization header".into();
        Error::Setup { source }
    })
}

fn without_secrets(location: &str, http: &Http) -> Option<String> {
    let mut url = http.server.route(&[]).join(location).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    let cleared = url.set_password(None).is_ok() && url.set_username("").is_ok();
    cleared.then(|| http.excerpt(url.as_str().as_bytes()))
}
