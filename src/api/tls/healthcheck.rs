//! The question of `epochd healthcheck`, by HTTP or HTTPS as the service speaks it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::files::{identity, provider};
use super::own::Whoever;
use crate::config::Settings;

/// How long the service may take for a part of its answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The status of `GET /readyz` of the service with these settings.
///
/// # Errors
/// It does not answer.
pub fn ask_ready(settings: &Settings) -> io::Result<String> {
    let address = reachable(settings.listen);
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if settings.tls.certificate.is_none() {
        return ask(stream);
    }
    let config = Arc::new(client_config(settings)?);
    let connection = ClientConnection::new(config, ServerName::from(address.ip())).map_err(io::Error::other)?;
    ask(StreamOwned::new(connection, stream))
}

/// An address at which this machine reaches what listens on `address`.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Where clients need a certificate, the service's own is shown.
fn client_config(settings: &Settings) -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(io::Error::other)?.dangerous();
    let builder = builder.with_custom_certificate_verifier(Arc::new(Whoever(provider())));
    match identity(&settings.tls).map_err(io::Error::other)? {
        Some((chain, key)) if settings.tls.client_authorities.is_some() => {
            builder.with_client_auth_cert(chain, key).map_err(io::Error::other)
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// Without a host, which HTTP/1.0 allows: the address need not be one that `--allowed-hosts` lists.
fn ask(mut stream: impl Read + Write) -> io::Result<String> {
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(String::from_utf8_lossy(&status).split_whitespace().nth(1).unwrap_or("nothing").to_owned())
}
