//! A fleet as teams have it: a few large services and many small ones, and the requests their hosts make.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::zipf::Zipf;

/// What a form leaves as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// What all hosts run.
pub const REVISION: &str = "8f14e45fceea167a5a36dedd4bea2543b16b00b5";

/// Services and their hosts, numbered from 0.
#[derive(Debug, Clone)]
pub struct Fleet {
    services: Vec<String>,
    /// The number of the first host of each service, and of the first host of none.
    starts: Vec<u32>,
}

/// A host of a fleet.
#[derive(Debug, Clone, Copy)]
pub struct Host<'a> {
    /// The name of its service.
    pub service: &'a str,
    /// What its address and all that is its own is made of; below 2^24.
    pub number: u32,
}

impl Fleet {
    /// A fleet in which services are as large as Zipf's law says, about a hundred hosts on average.
    pub fn zipf(hosts: u32) -> Self {
        const USUAL_SIZE: u32 = 100;
        let sizes = Zipf::new(hosts.div_ceil(USUAL_SIZE)).shares(hosts);
        let named = sizes.into_iter().enumerate();
        Self::of(named.map(|(rank, size)| (format!("service-{rank:05}"), size)))
    }

    /// A fleet of these services and sizes.
    pub fn of(services: impl IntoIterator<Item = (String, u32)>) -> Self {
        let mut fleet = Self {
            services: Vec::new(),
            starts: vec![0],
        };
        for (name, size) in services {
            fleet.services.push(name);
            fleet.starts.push(fleet.hosts() + size);
        }
        fleet
    }

    /// How many hosts it has.
    pub fn hosts(&self) -> u32 {
        self.starts[self.starts.len() - 1]
    }

    /// The names of its services, the largest first.
    pub fn services(&self) -> impl ExactSizeIterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    /// The name of a service.
    pub fn service(&self, rank: usize) -> &str {
        &self.services[rank]
    }

    /// How many hosts a service has.
    pub fn size(&self, rank: usize) -> u32 {
        self.starts[rank + 1] - self.starts[rank]
    }

    /// The numbers of the hosts of a service.
    pub fn hosts_of(&self, rank: usize) -> std::ops::Range<u32> {
        self.starts[rank]..self.starts[rank + 1]
    }

    /// The rank of the service that a host belongs to.
    pub fn rank_of(&self, number: u32) -> usize {
        self.starts.partition_point(|start| *start <= number) - 1
    }

    /// A host by its number.
    pub fn host(&self, number: u32) -> Host<'_> {
        let service = self.service(self.rank_of(number));
        Host { service, number }
    }
}

impl Host<'_> {
    /// Where it is: 10.x.y.z.
    pub fn ip(&self) -> Ipv4Addr {
        Ipv4Addr::from((10 << 24) + self.number)
    }

    /// Its five tags, as JSON.
    pub fn tags(&self) -> String {
        let zone = ["a", "b", "c"][self.number as usize % 3];
        let instance = u64::from(self.number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4;
        format!(
            r#"{{"az": "us-east-1{zone}", "region": "us-east-1", "instance_id": "i-{instance:017x}", "canary": false, "load_balancing_weight": 50}}"#
        )
    }

    /// What it says of itself: five tags and a revision of 40 characters, as a form.
    pub fn form(&self) -> String {
        let service = self.service;
        let (ip, tags) = (self.ip(), self.tags());
        let tags = utf8_percent_encode(&tags, FORM);
        format!(
            "ip={ip}&port=8080&revision={REVISION}&service_repo_name={service}-repo&tags={tags}"
        )
    }

    /// The request by which it registers, and which is its heartbeat too.
    pub fn check_in(&self) -> Vec<u8> {
        let form = self.form();
        let mut request = head("POST", &list_path(self.service));
        let _ = write!(
            request,
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        request.into_bytes()
    }

    /// The request that removes it.
    pub fn deregister(&self) -> Vec<u8> {
        let path = format!("{}/{}", list_path(self.service), self.ip());
        finished(head("DELETE", &path))
    }
}

/// Where the hosts of a service are listed.
pub fn list_path(service: &str) -> String {
    format!("/v1/registration/{service}")
}

/// The request that reads a path.
pub fn get(path: &str) -> Vec<u8> {
    finished(head("GET", path))
}

fn head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n")
}

fn finished(mut head: String) -> Vec<u8> {
    head.push_str("\r\n");
    head.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_belongs_to_the_service_that_counts_it() {
        let fleet = Fleet::of([
            ("a".to_owned(), 2),
            ("b".to_owned(), 0),
            ("c".to_owned(), 1),
        ]);
        let services: Vec<_> = (0..3).map(|number| fleet.host(number).service).collect();
        assert_eq!(services, ["a", "a", "c"]);
        assert_eq!(fleet.host(2).ip(), Ipv4Addr::new(10, 0, 0, 2));
    }

    #[test]
    fn a_fleet_has_as_many_hosts_as_were_asked_for() {
        for hosts in [1, 2, 99, 100, 101, 12_345] {
            assert_eq!(Fleet::zipf(hosts).hosts(), hosts);
        }
    }
}
