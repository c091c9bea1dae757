//! A service of axum: its requests counted and measured by route, and a handler for scrapes.
//!
//! Run: `cargo run -p narthex-client --features http,tokio --example axum -- 127.0.0.1:8080`

use std::error::Error;
use std::sync::Arc;

use ::axum::Router;
use ::axum::extract::{MatchedPath, Path};
use ::axum::routing::get;
use narthex_client::http::Handler;
use narthex_client::instrument::InstrumentLayer;
use narthex_client::runtime::TokioCollector;
use narthex_client::{HistogramOpts, Opts, Registry};

/// The service. Must be called within a runtime.
pub fn app(registry: &Registry) -> Result<Router, Box<dyn Error>> {
    registry.register(Arc::new(TokioCollector::new(tokio::runtime::Handle::current(), "main")?))?;
    let labels = ["code", "method", "route"];
    let layer = InstrumentLayer::server()
        // The route, not the path: there is a path for every user.
        .label("route", |request| {
            request.extensions.get::<MatchedPath>().map_or("none", |path| path.as_str()).to_owned()
        })
        .in_flight(registry.gauge(Opts::new("http_requests_in_flight", "Requests under way."))?)
        .counter(registry.counter_vec(Opts::new("http_requests_total", "Requests."), &labels)?)?
        .duration(registry.histogram_vec(
            Opts::new("http_request_duration_seconds", "How long requests took."),
            &["route"],
            HistogramOpts::native(1.1).with_classic(&[0.01, 0.1, 1.0]).max_buckets(160),
        )?)?;
    let handler = Handler::new(registry.clone()).max_in_flight(8).instrumented(registry)?;
    Ok(Router::new()
        .route("/hello/{name}", get(|Path(name): Path<String>| async move { format!("hello {name}") }))
        .route_layer(layer)
        .route_service("/metrics", handler))
}

#[allow(dead_code, clippy::print_stdout)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}/metrics", listener.local_addr()?);
    ::axum::serve(listener, app(Registry::global())?).await?;
    Ok(())
}
