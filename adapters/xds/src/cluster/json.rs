//! Clusters in the JSON of a REST answer.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Cluster, EdsSource};
use crate::kind::Kind;

impl Cluster {
    /// The resource in JSON.
    pub(crate) fn json(&self) -> Vec<u8> {
        let template = &self.template;
        let mut cluster = json!({
            "@type": Kind::Clusters.type_url(),
            "name": &*self.name,
            "type": "EDS",
            "eds_cluster_config": {"eds_config": self.eds_config()},
            "connect_timeout": seconds(template.connect_timeout),
            "lb_policy": template.lb_policy.as_str(),
            "ignore_health_on_host_removal": template.ignore_health_on_host_removal,
        });
        let keys = template.subset_keys.iter();
        let selectors: Vec<Value> = keys.map(|keys| json!({"keys": keys})).collect();
        if !selectors.is_empty() {
            cluster["lb_subset_config"] =
                json!({"fallback_policy": "ANY_ENDPOINT", "subset_selectors": selectors});
        }
        serde_json::to_vec(&cluster).expect("memory takes whatever is written")
    }

    fn eds_config(&self) -> Value {
        let mut source = match self.source {
            EdsSource::Ads => return json!({"ads": {}, "resource_api_version": "V3"}),
            EdsSource::Rest => json!({
                "api_type": "REST",
                "cluster_names": [self.template.xds_cluster],
                "refresh_delay": seconds(self.template.refresh_delay),
            }),
            EdsSource::Grpc => self.grpc_source("GRPC"),
            EdsSource::DeltaGrpc => self.grpc_source("DELTA_GRPC"),
        };
        source["transport_api_version"] = "V3".into();
        json!({"api_config_source": source, "resource_api_version": "V3"})
    }

    fn grpc_source(&self, api_type: &str) -> Value {
        let xds_cluster = &self.template.xds_cluster;
        json!({
            "api_type": api_type,
            "grpc_services": [{"envoy_grpc": {"cluster_name": xds_cluster}}],
            "set_node_on_first_message_only": true,
        })
    }
}

/// A duration as protobuf's JSON writes it.
fn seconds(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("{}s", duration.as_secs()),
        nanos => format!("{}.{nanos:09}s", duration.as_secs()),
    }
}
