use std::sync::Mutex;

use actix_web::test::{TestRequest, call_service, init_service, read_body, try_call_service};
use actix_web::web;
use serde_json::Value;

use super::*;
use crate::config::{Config, ServerConfig};
use crate::http::page::Site;

#[derive(serde::Deserialize)]
struct Query {
    page: u32,
}

async fn panics() -> HttpResponse {
    panic!("a secret detail")
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/ok", web::get().to(async || HttpResponse::Ok().json("ok")))
        .route("/page", web::get().to(async || HttpResponse::Ok().content_type("text/html; charset=utf-8").body("<p>")))
        .route("/list", web::get().to(async |query: web::Query<Query>| query.page.to_string()))
        .route("/echo", web::post().to(async |body: String| body))
        .service(web::resource("/post-only").route(web::post().to(async || "ok")))
        .route("/panics", web::get().to(panics))
        .route(
            "/refused",
            web::get().to(async || HttpResponse::Forbidden().json(serde_json::json!({ "error": "mine" }))),
        )
        .default_service(web::to(not_found));
}

fn server(change: impl FnOnce(&mut ServerConfig)) -> Arc<FrontDoor> {
    let mut server = Config::default().server;
    server.bind = "0.0.0.0:8080".parse().unwrap();
    change(&mut server);
    Arc::new(FrontDoor::new(&server))
}

/// An application in all layers, as a service.
macro_rules! service {
    () => {
        service!(|_| ())
    };
    ($change:expr) => {
        init_service(wrap(App::new().configure(routes), server($change))).await
    };
}

macro_rules! get {
    ($service:expr, $path:expr) => {
        call_service(&$service, TestRequest::get().uri($path).to_request()).await
    };
}

fn header<'a, B>(response: &'a ServiceResponse<B>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn json<B: MessageBody>(response: ServiceResponse<B>) -> Value {
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    serde_json::from_slice(&read_body(response).await).unwrap()
}

#[actix_web::test]
async fn every_answer_has_a_request_id_of_our_own_making() {
    let service = service!();
    let request = TestRequest::get().uri("/ok").insert_header(("x-request-id", "forged")).to_request();
    let response = call_service(&service, request).await;
    let id: uuid::Uuid = header(&response, "x-request-id").unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
}

#[actix_web::test]
async fn answers_cannot_be_sniffed_framed_or_embedded() {
    let service = service!();
    let response = get!(service, "/ok");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(header(&response, name), Some(value));
    }
    assert_eq!(header(&response, "strict-transport-security"), None, "meaningless on plain http (RFC 6797 §7.2)");
    assert_eq!(header(&get!(service, "/page"), "content-security-policy"), None, "pages bring their own");
    let https = service!(|server| server.public_url = "https://gate.example".parse().unwrap());
    assert!(header(&get!(https, "/ok"), "strict-transport-security").is_some());
}

#[actix_web::test]
async fn every_error_that_nobody_wrote_out_is_json() {
    let service = service!();
    assert_eq!(json(get!(service, "/nowhere")).await["error"], "not_found");
    let refused = get!(service, "/post-only");
    assert_eq!(refused.status(), 405);
    assert_eq!(json(refused).await["error"], "method_not_allowed");
    let refused = get!(service, "/list?page=x");
    assert_eq!(refused.status(), 400);
    let body = json(refused).await;
    assert_eq!(body["error"], "invalid_request");
    assert!(body["error_description"].as_str().unwrap().contains("invalid digit"), "{body}");
    assert_eq!(json(get!(service, "/refused")).await, serde_json::json!({ "error": "mine" }));
}

#[actix_web::test]
async fn a_browser_gets_a_page_where_one_is_offered() {
    let page = ErrorPages(Site::of(&"http://localhost:8080".parse().unwrap()));
    let service = init_service(wrap(App::new().app_data(page).configure(routes), server(|_| ()))).await;
    for path in ["/nowhere", "/post-only"] {
        let request = TestRequest::get().uri(path).insert_header((header::ACCEPT, "text/html")).to_request();
        let body = read_body(call_service(&service, request).await).await;
        assert!(String::from_utf8_lossy(&body).contains("<h1"), "{path}");
    }
    assert_eq!(json(get!(service, "/nowhere")).await["error"], "not_found");
}

#[actix_web::test]
async fn a_panic_tells_nothing_and_takes_nobody_along() {
    let service = service!();
    let Err(error) = try_call_service(&service, TestRequest::get().uri("/panics").to_request()).await else {
        panic!("it went unnoticed")
    };
    let response = error.error_response();
    assert_eq!(response.status(), 500);
    assert!(response.headers().contains_key("x-request-id"));
    let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
    assert!(!String::from_utf8_lossy(&body).contains("secret detail"));
    assert_eq!(get!(service, "/ok").status(), 200);
}

#[actix_web::test]
async fn what_is_too_long_is_refused_before_it_is_read() {
    let service = service!();
    let announced = TestRequest::post().uri("/echo").insert_header((header::CONTENT_LENGTH, MAX_BODY + 1));
    let refused = call_service(&service, announced.to_request()).await;
    assert_eq!(refused.status(), 413);
    assert_eq!(json(refused).await["error"], "payload_too_large");
    assert_eq!(get!(service, &format!("/ok?{}", "a".repeat(MAX_TARGET))).status(), 414);
}

#[actix_web::test]
async fn a_whole_body_arrives_unharmed() {
    let service = service!();
    let body = "a".repeat(100_000);
    let request = TestRequest::post().uri("/echo").insert_header((header::CONTENT_LENGTH, body.len()));
    let response = call_service(&service, request.set_payload(body.clone()).to_request()).await;
    assert_eq!(read_body(response).await, body);
}

#[actix_web::test]
async fn a_body_that_trickles_is_given_up() {
    let mut request = TestRequest::post().insert_header((header::TRANSFER_ENCODING, "chunked")).to_srv_request();
    request.set_payload(Payload::Stream { payload: Box::pin(stream::pending()) });
    hurry(&mut request, Duration::from_millis(10));
    let chunk = request.take_payload().next().await.unwrap();
    assert!(matches!(chunk, Err(PayloadError::Io(error)) if error.kind() == io::ErrorKind::TimedOut));
}

#[actix_web::test]
async fn dns_rebinding_ends_at_the_front_door() {
    let service = service!(|server| server.bind = "127.0.0.1:8080".parse().unwrap());
    let request = TestRequest::get().uri("/ok").insert_header((header::HOST, "evil.example")).to_request();
    let refused = call_service(&service, request).await;
    assert_eq!(refused.status(), 421);
    let body = json(refused).await;
    assert_eq!((&body["error"], &body["url"]), (&"misdirected_request".into(), &"http://localhost:8080".into()));
}

/// What this process logs, whichever test it is about.
static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Written;

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn the_log_has_path_status_and_id_but_never_query_or_headers() {
    // For every thread: what one thread alone listens to, the others may have noted as listened to by nobody.
    let log = tracing_subscriber::fmt().json().with_writer(|| Written).finish();
    tracing::subscriber::set_global_default(log).unwrap();
    let service = service!();
    let request = TestRequest::get().uri("/ok?code=hunter2&state=hunter2");
    let request =
        request.insert_header((header::AUTHORIZATION, "Bearer hunter2")).peer_addr("203.0.113.9:1".parse().unwrap());
    let response = call_service(&service, request.to_request()).await;

    let log = String::from_utf8(WRITTEN.lock().unwrap().clone()).unwrap();
    let id = header(&response, "x-request-id").unwrap();
    let ours: String = log.lines().filter(|line| line.contains(id)).collect();
    for part in ["/ok", "200", "203.0.113.9"] {
        assert!(ours.contains(part), "{part} is not in {ours}");
    }
    assert!(!log.contains("hunter2"), "{log}");
}
