//! What an operator's machines ask: alive? ready? how much?

use std::sync::OnceLock;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Data;
use metrics::{counter, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Map, Value, json};

use crate::app::App;

/// `GET /healthz`: this process answers. Says nothing about what it needs, so that a lost database restarts nobody.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(json!({ "status": "ok" }))
}

/// `GET /readyz`: requests can be sent here. The schema is no check of its own: without it we would not be listening.
pub async fn readyz(app: Data<App>) -> HttpResponse {
    readiness(&[("database", database_answers(&app).await), ("changes", app.changes.fresh())])
}

/// Every check by name; 503 unless all are met.
fn readiness(checks: &[(&str, bool)]) -> HttpResponse {
    let ready = checks.iter().all(|(_, met)| *met);
    let (status, word) = match ready {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let word_for = |met: bool| Value::from(if met { "ok" } else { "failing" });
    let checks: Map<_, _> = checks.iter().map(|(name, met)| ((*name).to_owned(), word_for(*met))).collect();
    HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({ "status": word, "checks": checks }))
}

/// The pool tries a connection before it lends it, so having one means that the database answered just now.
async fn database_answers(app: &App) -> bool {
    match app.db.read().await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            false
        }
    }
}

/// `GET /metrics`, in Prometheus's text format.
pub async fn metrics() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(recorder().render())
}

const REQUESTS: &str = "portcullis_http_requests_total";
const DURATION: &str = "portcullis_http_request_duration_seconds";
/// From a warm tool call to a patient upstream, in seconds.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How often observations are folded into their buckets when nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Keeps the metrics tidy for as long as this process serves; call it once, on a running server.
pub fn keep_metrics() {
    tokio::spawn(async {
        loop {
            tokio::time::sleep(UPKEEP).await;
            recorder().run_upkeep();
        }
    });
}

/// Counts an answered request. `route` is a pattern of the route table, never a path, so that labels stay few.
pub(super) fn count(method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
    recorder();
    let (method, route) = (method_label(method), route.unwrap_or("unmatched").to_owned());
    let class = ["1xx", "2xx", "3xx", "4xx", "5xx"].get(usize::from(status.as_u16() / 100).wrapping_sub(1));
    let class = class.copied().unwrap_or("other");
    counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => class).increment(1);
    histogram!(DURATION, "method" => method, "route" => route).record(took);
}

/// A stranger may invent methods; our labels do not grow by that.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The process's one recorder; the first to ask for it installs it.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).unwrap_or_default();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics are recorded elsewhere in this process; ours stay empty");
        }
        metrics::describe_counter!(REQUESTS, "Answered HTTP requests by method, route and status class.");
        metrics::describe_histogram!(DURATION, metrics::Unit::Seconds, "Time until the answer began.");
        handle
    })
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    async fn text(response: HttpResponse) -> String {
        String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap()
    }

    #[actix_web::test]
    async fn one_failing_check_takes_us_out_of_service_and_is_named() {
        let response = readiness(&[("database", true), ("listener", false)]);
        assert_eq!(response.status(), 503);
        let body: Value = serde_json::from_str(&text(response).await).unwrap();
        let checks = json!({ "database": "ok", "listener": "failing" });
        assert_eq!(body, json!({ "status": "unavailable", "checks": checks }));
        assert_eq!(readiness(&[("database", true)]).status(), 200);
    }

    #[actix_web::test]
    async fn invented_methods_and_paths_make_no_new_labels() {
        let invented = Method::from_bytes(b"SABOTAGE").unwrap();
        count(&invented, None, StatusCode::NOT_FOUND, Duration::from_millis(3));
        let shown = text(metrics().await).await;
        assert!(
            shown.contains(r#"portcullis_http_requests_total{method="other",route="unmatched",status="4xx"} 1"#),
            "{shown}"
        );
        assert!(shown.contains("portcullis_http_request_duration_seconds_bucket"), "{shown}");
        assert!(!shown.contains("SABOTAGE"));
    }
}
