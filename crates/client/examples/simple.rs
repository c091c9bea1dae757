//! The least a program needs: metrics of the process at `/metrics`, and one of its own.
//!
//! Run: `cargo run -p narthex-client --example simple -- 127.0.0.1:8080`

use std::error::Error;
use std::sync::Arc;

use narthex_client::{Opts, ProcessCollector, Registry, Server};

/// Serves until the server is dropped.
pub fn serve(address: &str) -> Result<Server, Box<dyn Error>> {
    let registry = Registry::new();
    registry.register(Arc::new(ProcessCollector::new()))?;
    registry.info(Opts::new("example_build_info", "What this build is."), &[("version", env!("CARGO_PKG_VERSION"))])?;
    Ok(Server::bind(address, registry)?)
}

#[allow(dead_code, clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let server = serve(&address)?;
    println!("http://{}/metrics", server.address());
    loop {
        std::thread::park();
    }
}
