//! The origin as configured, shared by all workers: its endpoints and their health.

use std::sync::Arc;

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tollgate_engine::policy::{Endpoint, OriginConfig, OriginProtocol};

use super::health::EndpointHealth;
use crate::error::ProxyError;
use crate::tls::origin_tls;

/// The service behind the gateway.
#[derive(Debug)]
pub(crate) struct Origin {
    config: OriginConfig,
    endpoints: Vec<Arc<OriginEndpoint>>,
}

/// One address of it.
#[derive(Debug)]
pub(crate) struct OriginEndpoint {
    endpoint: Endpoint,
    pub(crate) authority: Authority,
    pub(crate) host_header: HeaderValue,
    pub(crate) tls: Option<EndpointTls>,
    pub(crate) health: Arc<EndpointHealth>,
}

/// How to speak TLS with an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct EndpointTls {
    pub(crate) name: ServerName<'static>,
    pub(crate) config: Arc<ClientConfig>,
}

// === impl Origin ===

impl Origin {
    /// The origin of a policy; endpoints that `previous` had too keep their health.
    pub(crate) fn new(
        config: &OriginConfig,
        previous: Option<&Origin>,
    ) -> Result<Origin, ProxyError> {
        let with_tls = config
            .endpoints
            .iter()
            .any(|endpoint| endpoint.scheme == tollgate_engine::policy::Scheme::Https);
        let client = with_tls
            .then(|| origin_tls(config.protocol, config.ca.as_deref()))
            .transpose()?;
        let endpoints = config
            .endpoints
            .iter()
            .map(|endpoint| {
                let known = previous.and_then(|origin| origin.find(endpoint));
                OriginEndpoint::new(endpoint, client.as_ref(), known).map(Arc::new)
            })
            .collect::<Result<_, _>>()?;
        Ok(Origin {
            config: config.clone(),
            endpoints,
        })
    }

    fn find(&self, wanted: &Endpoint) -> Option<&OriginEndpoint> {
        self.endpoints
            .iter()
            .find(|known| known.endpoint == *wanted)
            .map(Arc::as_ref)
    }

    pub(crate) fn config(&self) -> &OriginConfig {
        &self.config
    }

    pub(crate) fn endpoints(&self) -> &[Arc<OriginEndpoint>] {
        &self.endpoints
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.config.protocol == OriginProtocol::Http2
    }
}

// === impl OriginEndpoint ===

impl OriginEndpoint {
    fn new(
        endpoint: &Endpoint,
        client: Option<&Arc<ClientConfig>>,
        known: Option<&OriginEndpoint>,
    ) -> Result<OriginEndpoint, ProxyError> {
        let invalid = || ProxyError::OriginHost(endpoint.host.clone());
        let default_port = match endpoint.scheme {
            tollgate_engine::policy::Scheme::Http => 80,
            tollgate_engine::policy::Scheme::Https => 443,
        };
        let host = if endpoint.host.contains(':') {
            format!("[{}]", endpoint.host)
        } else {
            endpoint.host.clone()
        };
        let text = if endpoint.port == default_port {
            host
        } else {
            format!("{host}:{}", endpoint.port)
        };
        let tls = match (endpoint.scheme, client) {
            (tollgate_engine::policy::Scheme::Https, Some(config)) => Some(EndpointTls {
                name: ServerName::try_from(endpoint.host.clone()).map_err(|_| invalid())?,
                config: Arc::clone(config),
            }),
            _ => None,
        };
        Ok(OriginEndpoint {
            authority: text.parse().map_err(|_| invalid())?,
            host_header: HeaderValue::from_str(&text).map_err(|_| invalid())?,
            tls,
            health: known.map_or_else(Default::default, |known| Arc::clone(&known.health)),
            endpoint: endpoint.clone(),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.endpoint.url
    }

    pub(crate) fn host(&self) -> &str {
        &self.endpoint.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.endpoint.port
    }

    pub(crate) fn scheme(&self) -> Scheme {
        if self.tls.is_some() {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        }
    }
}
