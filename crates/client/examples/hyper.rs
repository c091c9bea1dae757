//! The handler of scrapes on bare hyper.
//!
//! Run: `cargo run -p narthex-client --features http --example hyper -- 127.0.0.1:8080`

use std::error::Error;

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use narthex_client::Registry;
use narthex_client::http::Handler;
use tokio::net::TcpListener;

/// Answers every request on `listener` with the metrics of `registry`.
pub async fn serve(listener: TcpListener, registry: Registry) -> Result<(), Box<dyn Error + Send + Sync>> {
    let handler = TowerToHyperService::new(Handler::new(registry).coalescing());
    loop {
        let (stream, _) = listener.accept().await?;
        let handler = handler.clone();
        tokio::spawn(async move {
            // A peer that goes away in the middle has nobody to tell.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), handler).await);
        });
    }
}

#[allow(dead_code, clippy::print_stdout)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/", listener.local_addr()?);
    serve(listener, Registry::global().clone()).await
}
