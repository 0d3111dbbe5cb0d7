//! What the servers write to their logs.

use comfy_client::{LogEvent, LogLine};

use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure,
    servers::Server,
};

/// Follows the log of one server. Made by [`Factory::follow_log`].
#[derive(Debug)]
pub struct LogFollower(comfy_client::LogFollower);

impl Factory {
    /// The latest lines of a server's log, oldest first: of the first server that `backend` stands
    /// for, or of all. Paths of the server and texts of all its users stand in it.
    pub async fn log(&self, backend: Option<&str>) -> Result<Vec<LogLine>, Error> {
        let server = self.asked(backend)?;
        let lines = server.client.log().await.map_err(failure::client)?;
        lines.ok_or_else(|| no_log(server))
    }

    /// Follows the log of the same server: its latest lines, and each further one as it is written.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mediafactory::{Factory, FailureCode, config::Config};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let data_dir = folder.path();
    /// let factory = Factory::open(Config::new(data_dir)).await?;
    /// let refused = factory.follow_log(Some("nowhere")).await.unwrap_err();
    /// assert_eq!(refused.code(), FailureCode::ValidationError);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn follow_log(&self, backend: Option<&str>) -> Result<LogFollower, Error> {
        let server = self.asked(backend)?;
        let follower = server.client.follow_log().await.map_err(failure::client)?;
        follower.map(LogFollower).ok_or_else(|| no_log(server))
    }
}

impl LogFollower {
    /// What happened next in the log. A lost connection is told and made again; it is an error only
    /// when the server lets nobody in any more.
    pub async fn next(&mut self) -> Result<LogEvent, Error> {
        self.0.next().await.map_err(failure::client)
    }

    /// Ends it, and closes the connection.
    pub async fn close(self) {
        self.0.close().await;
    }
}

fn no_log(server: &Server) -> Error {
    let message = format!("server `{}` does not show its log", server.name);
    Error::new(FailureCode::ComfyuiUnreachable, message)
        .with_hint("look at it where the server was started; a proxy may keep /internal back")
}
