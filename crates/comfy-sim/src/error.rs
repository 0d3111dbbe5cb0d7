use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a simulated server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The address is in use or is not one of this machine.
    #[error("cannot listen on {address}; port 0 takes any free port")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The folder for input, output and temporary files cannot be made or written.
    #[error("cannot prepare the storage folder {}", path.display())]
    Storage {
        /// The folder that was asked for, or the one for temporary files of the system.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The node facts inside the program are damaged: the build is broken, not the caller.
    #[error("the node facts carried by comfy-sim cannot be read")]
    NodeFacts {
        /// Where reading stopped.
        #[source]
        source: std::io::Error,
    },
}
