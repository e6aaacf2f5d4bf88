//! COMPOSITION: the HTTP server: build, run, drain.

mod front_door;
pub mod layers;
pub mod log;
pub mod operations;
mod realm;
mod refusal;
pub mod routes;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::web::Data;
use actix_web::{App as Actix, HttpServer};

use crate::app::App;
use crate::http::device_limits::DeviceLimits;
use crate::http::flow::FlowLimits;
use crate::http::limit::{
    DocumentLimit, KeyLimits, ProofLimit, PushLimit, RefusalLimit, RegistrationLimit, SignInLimits, TrialLimit,
};
use crate::http::making::MakingLimits;
use crate::http::page::Site;
use crate::mcp::gateway::{Gateway, Lines};
use crate::net::Upstreams;
use crate::web::consent::Tools;
use crate::{jobs, mcp};
use layers::{DRAIN_TIME, FrontDoor, HEAD_TIME};

/// Serves until `stop` is ready, then lets requests under way end.
pub async fn run(app: Arc<App>, listeners: Vec<TcpListener>, stop: impl Future<Output = ()>) -> io::Result<()> {
    let jobs = jobs::start(&app);
    operations::keep_metrics();
    let lines = Arc::<Lines>::default();
    let server = serve(&app, listeners, &lines)?;
    let handle = server.handle();
    let serving = tokio::spawn(server);
    stop.await;
    // Streams of sessions have no end of their own, for which a graceful stop could wait.
    lines.stop();
    // Whoever only waits for news is not waited for.
    app.shifts.end();
    handle.stop(true).await;
    app.audit.drain(&app.db, DRAIN_TIME).await;
    drop(jobs);
    if let Err(error) = jobs::last_used::write(&app).await {
        tracing::warn!(%error, "could not write down when keys were last used");
    }
    serving.await.map_err(io::Error::other)?
}

/// The server itself, listening; it runs when awaited.
pub fn start(app: &Arc<App>, listeners: Vec<TcpListener>) -> io::Result<Server> {
    serve(app, listeners, &Arc::default())
}

fn serve(app: &Arc<App>, listeners: Vec<TcpListener>, lines: &Arc<Lines>) -> io::Result<Server> {
    let door = Arc::new(FrontDoor::new(&app.config.server));
    let sign_in = Data::new(SignInLimits::new(&app.clock));
    let flows = Data::new(FlowLimits::new(&app.clock));
    let registration = Data::new(RegistrationLimit::new(&app.clock));
    let pushing = Data::new(PushLimit::new(&app.clock));
    let keys = Data::new(KeyLimits::new(&app.clock));
    let documents = Data::new(DocumentLimit::new(&app.clock));
    let refusals = Data::new(RefusalLimit::new(&app.clock));
    let proofs = Data::new(ProofLimit::new(&app.clock));
    let devices = Data::new(DeviceLimits::new(&app.clock));
    let trials = Data::new(TrialLimit::new(&app.clock));
    let making = Data::new(MakingLimits::new(&app.clock));
    let tools = Data::new(Tools(mcp::tools::by_class().collect()));
    let (sessions, agreements, streams, at_once) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
    let lines = Arc::clone(lines);
    let data = Data::from(Arc::clone(app));
    let public_url = app.config.server.public_url.clone();
    let pages = refusal::ErrorPages(Site::of(&public_url));
    let workers = app.config.server.workers;
    let mut server = HttpServer::new(move || {
        // Each worker has connections of its own.
        let patience = data.config.outbound.upstream_timeout.to_std().unwrap_or_default();
        let upstreams = Data::new(Upstreams::new(data.net.clone(), data.issuer(), patience));
        let gateway = Gateway {
            sessions: Arc::clone(&sessions),
            agreements: Arc::clone(&agreements),
            streams: Arc::clone(&streams),
            lines: Arc::clone(&lines),
            at_once: Arc::clone(&at_once),
            upstreams,
        };
        let actix = Actix::new()
            .app_data(data.clone())
            .app_data(Data::new(gateway))
            .app_data(sign_in.clone())
            .app_data(registration.clone())
            .app_data(pushing.clone())
            .app_data(documents.clone())
            .app_data(refusals.clone())
            .app_data(keys.clone())
            .app_data(proofs.clone())
            .app_data(devices.clone())
            .app_data(trials.clone())
            .app_data(making.clone())
            .app_data(flows.clone())
            .app_data(tools.clone())
            .app_data(pages.clone())
            .configure(routes::all(&public_url, &data.config.server));
        layers::wrap(actix, Arc::clone(&door))
    })
    // Without it, streamed answers wait for the other side's delayed acknowledgements.
    .tcp_nodelay(true)
    .client_request_timeout(HEAD_TIME)
    .shutdown_timeout(DRAIN_TIME.as_secs())
    .disable_signals();
    if let Some(workers) = workers {
        server = server.workers(workers);
    }
    for listener in listeners {
        server = server.listen(listener)?;
    }
    Ok(server.run())
}
