//! The living hosts: each beats, and now and then one dies and another takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use discovery_bench::client::Target;
use discovery_bench::fleet::{Fleet, Host};
use discovery_bench::pace::{Caller, Pace};
use discovery_bench::progress::Progress;
use discovery_bench::tally::Tally;
use discovery_bench::{Result, now};
use tokio::task::JoinSet;

use crate::options::Options;

/// Where each host of the fleet, or the one that took its place, stands.
pub(crate) struct Herd {
    pub(crate) fleet: Arc<Fleet>,
    places: Vec<Place>,
    /// The number of the next host that is added.
    next: Arc<AtomicU32>,
}

/// The place of one host: its service stays, the host may change.
#[derive(Debug, Clone)]
struct Place {
    service: usize,
    number: u32,
    /// How many stood here before and left without a word.
    silent: usize,
}

/// What came of the beats, and of the requests by which hosts left and came.
pub(crate) struct Beats {
    pub(crate) beats: Tally,
    pub(crate) replacements: Tally,
}

impl Herd {
    /// Every host of the fleet, alive.
    pub(crate) fn new(fleet: Fleet) -> Self {
        let place = |number| Place {
            service: fleet.rank_of(number),
            number,
            silent: 0,
        };
        let places = (0..fleet.hosts()).map(place).collect();
        let next = Arc::new(AtomicU32::new(fleet.hosts()));
        Self {
            fleet: Arc::new(fleet),
            places,
            next,
        }
    }

    /// The hosts that should be listed, each with the rank of its service.
    pub(crate) fn alive(&self) -> impl Iterator<Item = (usize, Host<'_>)> {
        self.places.iter().map(|place| {
            let service = self.fleet.service(place.service);
            (
                place.service,
                Host {
                    service,
                    number: place.number,
                },
            )
        })
    }

    /// How many hosts fell silent, and stay listed until they expire.
    pub(crate) fn silent(&self) -> usize {
        self.places.iter().map(|place| place.silent).sum()
    }

    /// Has every host beat at its interval. A place belongs to one connection, so that nobody beats after its end.
    pub(crate) async fn beat(&mut self, target: Target, options: &Options) -> Result<Beats> {
        let connections = usize::from(options.connections).min(self.places.len());
        let pace = Pace::new(options.beats_a_second(), options.lasting());
        let progress = Arc::new(Progress::new("beat", pace.turns()));
        let mut tasks = JoinSet::new();
        for connection in 0..connections {
            let mine = self.places.iter().skip(connection).step_by(connections);
            let mut keeper = Keeper {
                places: mine.cloned().collect(),
                fleet: Arc::clone(&self.fleet),
                next: Arc::clone(&self.next),
                mortality: options.mortality(),
                random: fastrand::Rng::with_seed(connection as u64),
                beats: Caller::connect(target).await?,
                replacements: Caller::connect(target).await?,
            };
            let progress = Arc::clone(&progress);
            tasks.spawn(async move {
                keeper.keep(pace, connection, connections, &progress).await;
                keeper
            });
        }
        Ok(self.gather(tasks.join_all().await))
    }

    fn gather(&mut self, keepers: Vec<Keeper>) -> Beats {
        let mut beats = Beats {
            beats: Tally::default(),
            replacements: Tally::default(),
        };
        self.places.clear();
        for keeper in keepers {
            beats.beats.add(&keeper.beats.tally);
            beats.replacements.add(&keeper.replacements.tally);
            self.places.extend(keeper.places);
        }
        beats
    }
}

/// One connection's share of the herd.
struct Keeper {
    places: Vec<Place>,
    fleet: Arc<Fleet>,
    next: Arc<AtomicU32>,
    mortality: f64,
    random: fastrand::Rng,
    beats: Caller,
    replacements: Caller,
}

impl Keeper {
    async fn keep(&mut self, turns: Pace, first: usize, step: usize, progress: &Progress) {
        for beat in 0.. {
            let Some(due) = turns.turn((first + beat * step) as u64).await else {
                return;
            };
            let place = beat % self.places.len();
            if self.random.f64() < self.mortality {
                self.replace(place).await;
            } else {
                let request = self.host(place).check_in();
                self.beats.call(&request, due).await;
            }
            progress.tick();
        }
    }

    /// Ends the host of a place, every other one without a word, and registers another.
    async fn replace(&mut self, place: usize) {
        if self.random.bool() {
            let leave = self.host(place).deregister();
            self.replacements.call(&leave, now()).await;
        } else {
            self.places[place].silent += 1;
        }
        self.places[place].number = self.next.fetch_add(1, Ordering::Relaxed);
        let come = self.host(place).check_in();
        self.replacements.call(&come, now()).await;
    }

    fn host(&self, place: usize) -> Host<'_> {
        let Place {
            service, number, ..
        } = self.places[place];
        Host {
            service: self.fleet.service(service),
            number,
        }
    }
}
