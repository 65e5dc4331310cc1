//! Listeners for gRPC programs that do without a proxy: `xds:///users` leads to the cluster `users`.

use std::sync::Arc;

use discovery_domain::ServiceName;
use envoy_types::pb::envoy::config::listener::v3 as pb;
use envoy_types::pb::envoy::config::route::v3 as route;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3 as http;
use envoy_types::pb::google::protobuf::Any;
use prost::{Message, Name};
use serde_json::json;

use crate::kind::Kind;
use crate::resource::{Content, Resource};

/// The filter that gRPC programs insist on.
const ROUTER: &str = "envoy.filters.http.router";

/// An API listener that sends everything to the cluster of its own name.
#[derive(Debug)]
pub(crate) struct Listener {
    name: Arc<str>,
}

impl Listener {
    /// The listener of a service.
    pub(crate) fn of(service: &ServiceName) -> Resource {
        let name: Arc<str> = service.as_str().into();
        let listener = Self {
            name: Arc::clone(&name),
        };
        Resource::new(name, Content::Listener(listener))
    }

    /// The resource in JSON: no REST answer has it, its version comes from it.
    pub(crate) fn json(&self) -> Vec<u8> {
        let listener = json!({
            "@type": Kind::Listeners.type_url(),
            "name": &*self.name,
            "api_listener": {"route": {"cluster": &*self.name}, "http_filters": [ROUTER]},
        });
        serde_json::to_vec(&listener).expect("memory takes whatever is written")
    }
}

impl From<&Listener> for pb::Listener {
    fn from(listener: &Listener) -> Self {
        let api_listener = pb::ApiListener {
            api_listener: Some(packed(&connection_manager(&listener.name))),
        };
        Self {
            name: listener.name.to_string(),
            api_listener: Some(api_listener),
            ..Self::default()
        }
    }
}

fn connection_manager(cluster: &str) -> http::HttpConnectionManager {
    use http::http_connection_manager::RouteSpecifier;
    use http::http_filter::ConfigType;

    let router = http::HttpFilter {
        name: ROUTER.to_owned(),
        config_type: Some(ConfigType::TypedConfig(packed(&Router::default()))),
        ..http::HttpFilter::default()
    };
    http::HttpConnectionManager {
        stat_prefix: cluster.to_owned(),
        http_filters: vec![router],
        route_specifier: Some(RouteSpecifier::RouteConfig(routes(cluster))),
        ..http::HttpConnectionManager::default()
    }
}

/// Every path of every domain to one cluster.
fn routes(cluster: &str) -> route::RouteConfiguration {
    use route::route::Action;
    use route::route_action::ClusterSpecifier;
    use route::route_match::PathSpecifier;

    let everything = route::RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix(String::new())),
        ..route::RouteMatch::default()
    };
    let to_cluster = route::RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())),
        ..route::RouteAction::default()
    };
    let host = route::VirtualHost {
        name: cluster.to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route::Route {
            r#match: Some(everything),
            action: Some(Action::Route(to_cluster)),
            ..route::Route::default()
        }],
        ..route::VirtualHost::default()
    };
    route::RouteConfiguration {
        name: cluster.to_owned(),
        virtual_hosts: vec![host],
        ..route::RouteConfiguration::default()
    }
}

fn packed<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use discovery_testkit::hosts::service;

    use super::*;

    #[test]
    fn a_listener_sends_everything_to_the_cluster_of_its_name() {
        use http::http_connection_manager::RouteSpecifier;
        use route::route::Action;
        use route::route_action::ClusterSpecifier;

        let resource = Listener::of(&service("users"));
        let any = Any::decode_length_delimited(&resource.field()[1..]).unwrap();
        assert_eq!(any.type_url, Kind::Listeners.type_url());
        let listener = pb::Listener::decode(&*any.value).unwrap();
        assert_eq!(listener.name, "users");
        let api = listener.api_listener.unwrap().api_listener.unwrap();
        assert_eq!(api.type_url, http::HttpConnectionManager::type_url());
        let manager = http::HttpConnectionManager::decode(&*api.value).unwrap();
        assert_eq!(manager.http_filters.len(), 1);
        let Some(RouteSpecifier::RouteConfig(routes)) = manager.route_specifier else {
            panic!("no routes");
        };
        let Some(Action::Route(action)) = &routes.virtual_hosts[0].routes[0].action else {
            panic!("no route: {routes:?}");
        };
        let cluster = ClusterSpecifier::Cluster("users".into());
        assert_eq!(action.cluster_specifier, Some(cluster));
    }
}
