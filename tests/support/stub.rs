//! A small HTTP server inside the test process. A closure answers; what was asked is kept for the test to see.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tiny_http::{Header, Response, Server};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; an empty body is an empty object.
    pub(crate) fn json(&self) -> serde_json::Value {
        if self.body.is_empty() {
            return serde_json::json!({});
        }
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// What to answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// A running stub. It stops when dropped.
pub(crate) struct Stub {
    endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    /// Serves on a free port of this machine.
    pub(crate) fn serve(answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("serve on a free port"));
        let endpoint = format!("http://{}", server.server_addr().to_ip().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let thread = std::thread::spawn({
            let (server, asked) = (Arc::clone(&server), Arc::clone(&asked));
            move || serve(&server, &asked, answer)
        });
        Self { endpoint, asked, server, thread: Some(thread) }
    }

    /// An S3 that denies everything.
    pub(crate) fn denying_s3() -> Self {
        Self::serve(|_| Reply {
            status: 403,
            headers: vec![("content-type", "application/xml".to_owned())],
            body: b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
                    <Message>Access Denied</Message></Error>"
                .to_vec(),
        })
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            // A handler that panicked has already failed its request, and so its test.
            let _ = thread.join();
        }
    }
}

fn serve(server: &Server, asked: &Mutex<Vec<Asked>>, mut answer: impl FnMut(&Asked) -> Reply) {
    for mut request in server.incoming_requests() {
        let mut body = Vec::new();
        if request.as_reader().read_to_end(&mut body).is_err() {
            continue;
        }
        let headers = request.headers().iter();
        let seen = Asked {
            method: request.method().to_string(),
            path: request.url().to_owned(),
            headers: headers.map(|h| (h.field.to_string().to_ascii_lowercase(), h.value.to_string())).collect(),
            body,
        };
        let reply = answer(&seen);
        asked.lock().unwrap().push(seen);
        let mut response = Response::from_data(reply.body).with_status_code(reply.status);
        for (name, value) in reply.headers {
            response.add_header(Header::from_bytes(name, value).expect("a header"));
        }
        // A client that went away, such as a killed one, needs no answer.
        let _ = request.respond(response);
    }
}

#[test]
fn a_stub_answers_and_remembers() {
    let stub = Stub::denying_s3();
    let answer = super::http::request("GET", stub.endpoint(), "/bucket?list-type=2", &[("X-Test", "1")], b"{}");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("AccessDenied"));
    let asked = stub.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("GET", "/bucket?list-type=2"));
    assert_eq!(asked[0].header("x-test"), Some("1"));
}
