//! The order of work on a layer's plans: what they are made from is fetched, for several at a time, while those that
//! have theirs are built. The heaviest goes first in both.

use std::{
    cmp::Reverse,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::{
    Context, Error, Part, Result,
    parts::build_plan,
    plan::{Keys, Plan, Prepare},
    room::Promise,
};

/// For how many plans of a layer downloads come at a time. Large wheels are one to a plan, and a mirror may let
/// each of them wait before its first byte.
const FETCHED: usize = 4;
/// By how many connections, for each of them; so all layers together have some forty.
const CONNECTIONS: usize = 2;

/// A plan whose parts are to be built.
pub(crate) struct Job<'p> {
    /// Its place among the layer's plans.
    pub(crate) at: usize,
    pub(crate) plan: Plan<'p>,
    pub(crate) keys: Keys,
    /// The room that it will need.
    pub(crate) promised: Promise,
}

/// Jobs are taken from the end: the heaviest last; equal ones in the order of the plans.
fn order(job: &Job<'_>) -> (u64, Reverse<usize>) {
    (job.plan.weight, Reverse(job.at))
}

/// Builds the parts of all jobs, and gives them with the jobs' places, in no order.
///
/// # Errors
/// As [`crate::build_parts`].
pub(crate) fn work(cx: &Context, mut jobs: Vec<Job<'_>>) -> Result<Vec<(usize, Vec<Part>)>> {
    jobs.sort_by_key(order);
    let builders = jobs.len().min(cx.parts_at_once());
    let (ready, mut lacking): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| {
        let mut wanted = job.plan.beforehand().iter();
        wanted.all(|one| cx.store.has_download(&one.sha256, one.size))
    });
    let prepared = lacking.iter_mut().filter_map(|job| {
        let prepare = job.plan.prepare.take()?;
        Some((job.plan.name.clone(), prepare))
    });
    let prepared = prepared.collect();
    let fetchers = lacking.len().min(FETCHED);
    let work = Work {
        cx,
        queues: Mutex::new(Queues {
            lacking,
            coming: 0,
            ready,
            prepared,
        }),
        changed: Condvar::new(),
        done: Mutex::default(),
        failed: Mutex::default(),
    };
    thread::scope(|scope| {
        let work = &work;
        for _ in 0..fetchers {
            scope.spawn(|| work.fetch());
        }
        for _ in 0..builders {
            scope.spawn(|| work.build());
        }
    });
    match work
        .failed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        Some(error) => Err(error),
        None => Ok(work
            .done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)),
    }
}

struct Work<'w, 'p> {
    cx: &'w Context,
    queues: Mutex<Queues<'p>>,
    /// Tells builders that there is something ready, or that nothing more comes.
    changed: Condvar,
    done: Mutex<Vec<(usize, Vec<Part>)>>,
    failed: Mutex<Option<Error>>,
}

struct Queues<'p> {
    /// Those that lack downloads. The next at the end, as in `ready`.
    lacking: Vec<Job<'p>>,
    /// How many are having theirs fetched.
    coming: usize,
    ready: Vec<Job<'p>>,
    /// What can be done while nothing is ready, and for which plan.
    prepared: Vec<(String, Prepare<'p>)>,
}

/// What a builder does next.
enum Next<'p> {
    Build(Box<Job<'p>>),
    Prepare(String, Prepare<'p>),
}

impl<'p> Work<'_, 'p> {
    /// Fetches for one plan after the other.
    fn fetch(&self) {
        let _alarm = Alarm(self);
        loop {
            let (mut job, coming) = {
                let mut queues = self.queues();
                let Some(job) = queues.lacking.pop() else {
                    return;
                };
                queues.coming += 1;
                (job, Coming(self))
            };
            let (cx, what) = (self.cx, job.plan.name());
            let failed = |error: store::Error| self.fail(what, error.into());
            let artifacts = job.plan.beforehand();
            let fetched = cx
                .fetcher
                .fetch_ahead(CONNECTIONS, &cx.store, artifacts, &failed);
            if let Err(error) = fetched {
                failed(error);
            }
            // After a failure, building it says that it was given up.
            job.promised.fetched();
            let mut queues = self.queues();
            let order = order(&job);
            let place = queues.ready.partition_point(|one| self::order(one) < order);
            queues.ready.insert(place, job);
            drop(queues);
            drop(coming);
        }
    }

    /// Builds one plan after the other, as they become ready.
    fn build(&self) {
        let _alarm = Alarm(self);
        while let Some(next) = self.next() {
            match next {
                Next::Build(job) => {
                    let what = job.plan.name().to_owned();
                    match build_plan(self.cx, job.plan, job.keys) {
                        Ok(parts) => taken(&self.done).push((job.at, parts)),
                        Err(error) => self.fail(&what, error),
                    }
                    drop(job.promised);
                }
                Next::Prepare(what, prepare) => {
                    if !self.cx.fetcher.stopped()
                        && let Err(error) = prepare(self.cx)
                    {
                        self.fail(&what, error);
                    }
                }
            }
        }
    }

    /// Waits for what can be done next; `None` when all has been begun.
    fn next(&self) -> Option<Next<'p>> {
        let mut queues = self.queues();
        loop {
            if let Some(job) = queues.ready.pop() {
                return Some(Next::Build(Box::new(job)));
            }
            if queues.lacking.is_empty() && queues.coming == 0 {
                return None;
            }
            if let Some((what, prepare)) = queues.prepared.pop() {
                return Some(Next::Prepare(what, prepare));
            }
            queues = self
                .changed
                .wait(queues)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Stops the context; keeps the error if it is the first, or that the plan was given up.
    fn fail(&self, what: &str, error: Error) {
        let mut failed = taken(&self.failed);
        if self.cx.stop() {
            *failed = Some(error.if_full(self.cx.store.root()));
        } else {
            // Whatever it is, it may only follow from the first.
            let what = what.to_owned();
            failed.get_or_insert(Error::GivenUp { what });
        }
    }

    fn queues(&self) -> MutexGuard<'_, Queues<'p>> {
        taken(&self.queues)
    }
}

/// A plan's downloads are coming, until this is dropped.
struct Coming<'w, 'c, 'p>(&'w Work<'c, 'p>);

impl Drop for Coming<'_, '_, '_> {
    fn drop(&mut self) {
        self.0.queues().coming -= 1;
        self.0.changed.notify_all();
    }
}

/// Lets no thread wait for one that has panicked: the scope they run in tells of it at its end.
struct Alarm<'w, 'c, 'p>(&'w Work<'c, 'p>);

impl Drop for Alarm<'_, '_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.cx.stop();
            let left = std::mem::take(&mut self.0.queues().lacking);
            drop(left);
            self.0.changed.notify_all();
        }
    }
}

fn taken<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
