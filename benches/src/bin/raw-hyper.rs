//! The fastest server that hyper makes on our runtime: gives the files of a folder from memory to GET, and `{}` to
//! whoever posts a body.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clap::Parser;
use discovery_bench::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves files from memory over bare hyper.
#[derive(Parser)]
struct Options {
    /// The port of this machine to serve on
    #[arg(long)]
    port: u16,
    /// The folder whose files are served, by their path in it
    #[arg(long)]
    folder: PathBuf,
}

type Files = HashMap<String, Bytes>;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let mut files = Files::new();
    read(&options.folder, "", &mut files)?;
    let files = Arc::new(files);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let files = Arc::clone(&files);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&files, request));
            // A client that leaves is no error.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn read(folder: &Path, path: &str, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{path}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &path, files)?;
        } else {
            files.insert(path, fs::read(entry.path())?.into());
        }
    }
    Ok(())
}

async fn answer(
    files: &Files,
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let body = match *request.method() {
        Method::GET => files.get(request.uri().path()).cloned(),
        Method::POST => {
            let body = request.into_body().collect().await;
            body.is_ok().then(|| Bytes::from_static(b"{}\n"))
        }
        _ => None,
    };
    let mut response = Response::new(Full::default());
    match body {
        Some(body) => {
            *response.body_mut() = body.into();
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
        }
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}
