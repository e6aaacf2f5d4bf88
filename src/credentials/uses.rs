//! When, from where and by what credentials were last used: noted in memory, written down by the clock.
//!
//! A call writes nothing. What is noted here is written in one statement for all credentials of a kind, and at a graceful stop.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde_json::{Map, Value, json};

/// The last use of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// When.
    pub at: DateTime<Utc>,
    /// From which address.
    pub address: IpAddr,
    /// By which program, as that says itself.
    pub client: Option<String>,
    /// How often since it was last written down.
    pub calls: u32,
    /// From which networks since then; the first few.
    pub networks: BTreeSet<IpNet>,
}

/// Networks that are told apart between two times of writing down.
const NETWORKS: usize = 8;

/// The network of an address: what one household, office or data centre has.
pub fn network(address: IpAddr) -> IpNet {
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).map_or(IpNet::from(address), |network| network.trunc())
}

/// The last uses of credentials of one kind that are still to be written down.
#[derive(Debug)]
pub struct Uses<Id>(Mutex<HashMap<Id, Use>>);

impl<Id> Default for Uses<Id> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Id: Hash + Eq + Copy + ToString> Uses<Id> {
    /// Notes a use; the one before is of no interest any more.
    pub fn note(&self, id: Id, at: DateTime<Utc>, address: IpAddr, client: Option<&str>) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = uses.entry(id).or_insert_with(|| Use {
            at,
            address,
            client: client.map(str::to_owned),
            calls: 0,
            networks: BTreeSet::new(),
        });
        if used.networks.is_empty() || used.address != address {
            let network = network(address);
            if used.networks.len() < NETWORKS {
                used.networks.insert(network);
            }
        }
        (used.at, used.address, used.calls) = (at, address, used.calls.saturating_add(1));
        if used.client.as_deref() != client {
            used.client = client.map(str::to_owned);
        }
    }

    /// Takes out what is to be written.
    pub fn take(&self) -> HashMap<Id, Use> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts back what could not be written, where nothing newer was noted meanwhile.
    pub fn put_back(&self, uses: HashMap<Id, Use>) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, used) in uses {
            match noted.entry(id) {
                Entry::Vacant(vacant) => drop(vacant.insert(used)),
                Entry::Occupied(mut newer) => {
                    let newer = newer.get_mut();
                    newer.calls = newer.calls.saturating_add(used.calls);
                    newer.networks.extend(used.networks);
                }
            }
        }
    }
}

/// The uses as one value that a statement looks each credential up in, by its id.
pub(super) fn by_id<Id: ToString>(uses: &HashMap<Id, Use>) -> Value {
    let entry = |(id, used): (&Id, &Use)| {
        let Use { at, address, client, .. } = used;
        (id.to_string(), json!({ "at": at, "address": address, "client": client }))
    };
    Value::Object(uses.iter().map(entry).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ApiKeyId;

    #[test]
    fn only_the_last_use_is_kept_and_what_could_not_be_written_never_hides_a_newer_one() {
        let (uses, id, address) = (Uses::default(), ApiKeyId::fresh(), IpAddr::from([192, 0, 2, 1]));
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        uses.note(id, at(1), address, Some("curl"));
        uses.note(id, at(2), address, Some("curl"));
        let taken = uses.take();
        let networks = BTreeSet::from(["192.0.2.0/24".parse().unwrap()]);
        assert_eq!(taken[&id], Use { at: at(2), address, client: Some("curl".to_owned()), calls: 2, networks });
        uses.note(id, at(3), address, None);
        uses.put_back(taken.clone());
        let newer = uses.take();
        assert_eq!((newer[&id].at, newer[&id].calls), (at(3), 3));
        uses.put_back(taken);
        assert_eq!(uses.take()[&id].at, at(2));
        assert!(uses.take().is_empty());
    }
}
