//! Whose turn it is, and at which server.
//!
//! Jobs wait here for a seat: the right to be at a server. Each server has a few, so that the
//! rest of the work stays where it can be cancelled without a trace and can still go elsewhere.
//!
//! A free seat goes to the most urgent job that may use it. Among equally urgent ones the callers
//! take turns, however many jobs each of them has; the jobs of one caller keep their order. A job
//! that may use several servers gets the one where it is likely to start first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::server::{Server, ServerStatus};

/// How many callers are remembered that have nothing waiting. A caller that is forgotten counts
/// as a new one, which only means that its next turn comes early.
const CALLERS_REMEMBERED_MAX: usize = 1_000;

/// What a job asks for.
pub(super) struct Wish {
    pub(super) priority: i32,
    pub(super) caller: String,
    /// The URLs of the servers that will do; none is all.
    pub(super) servers: Vec<String>,
    /// The model files that it loads.
    pub(super) models: Vec<String>,
}

pub(super) struct Dispatch {
    board: Mutex<Board>,
}

struct Board {
    places: Vec<Place>,
    /// By urgency, then by caller.
    waiting: BTreeMap<Reverse<i32>, BTreeMap<String, VecDeque<Waiter>>>,
    last_turns: HashMap<String, u64>,
    turn: u64,
}

struct Place {
    server: Arc<Server>,
    in_flight: usize,
    set_aside: Option<String>,
    warm_models: Vec<String>,
}

struct Waiter {
    places: Vec<usize>,
    models: Vec<String>,
    seat: oneshot::Sender<Seat>,
}

/// The right to have one job at one server. It is given back when it is dropped.
pub(super) struct Seat {
    dispatch: Option<Arc<Dispatch>>,
    place: usize,
    server: Arc<Server>,
}

impl Dispatch {
    pub(super) fn new(servers: &[Arc<Server>]) -> Self {
        let place = |server: &Arc<Server>| Place {
            server: Arc::clone(server),
            in_flight: 0,
            set_aside: None,
            warm_models: Vec::new(),
        };
        Self {
            board: Mutex::new(Board {
                places: servers.iter().map(place).collect(),
                waiting: BTreeMap::new(),
                last_turns: HashMap::new(),
                turn: 0,
            }),
        }
    }

    /// A seat, when it is this job's turn. The future may be dropped; then the turn passes on.
    pub(super) fn seat(self: &Arc<Self>, wish: Wish) -> impl Future<Output = Option<Seat>> + use<> {
        let (sender, seat) = oneshot::channel();
        let mut board = self.board();
        let places = board.places_of(&wish.servers);
        let waiter = Waiter { places, models: wish.models, seat: sender };
        let callers = board.waiting.entry(Reverse(wish.priority)).or_default();
        callers.entry(wish.caller).or_default().push_back(waiter);
        board.assign(self);
        async move { seat.await.ok() }
    }

    /// A seat, where one is free and nobody waits.
    pub(super) fn seat_at_once(self: &Arc<Self>, wish: Wish) -> Option<Seat> {
        let mut board = self.board();
        if !board.waiting.is_empty() {
            return None;
        }
        let fitting = board.places_of(&wish.servers);
        let at = best(&board.places, &fitting, &wish.models)?;
        board.note_turn(wish.caller);
        let place = board.places.get_mut(at)?;
        place.take(wish.models);
        let server = Arc::clone(&place.server);
        Some(Seat { dispatch: Some(Arc::clone(self)), place: at, server })
    }

    /// The seat of a job that is at its server already, whether or not one is free.
    pub(super) fn taken_seat(self: &Arc<Self>, url: &str) -> Option<Seat> {
        let mut board = self.board();
        let (at, place) =
            board.places.iter_mut().enumerate().find(|(_, place)| place.server.url == url)?;
        place.in_flight = place.in_flight.saturating_add(1);
        let server = Arc::clone(&place.server);
        Some(Seat { dispatch: Some(Arc::clone(self)), place: at, server })
    }

    /// Gives a server no more jobs, because it failed. Answers whether it got some until now.
    pub(super) fn set_aside(&self, server: &Server, reason: String) -> bool {
        let mut board = self.board();
        let Some(place) = board.place_of(server) else { return false };
        place.set_aside.replace(reason).is_none()
    }

    /// Gives a server jobs again.
    pub(super) fn bring_back(self: &Arc<Self>, server: &Server) {
        let mut board = self.board();
        if let Some(place) = board.place_of(server) {
            place.set_aside = None;
        }
        board.assign(self);
    }

    pub(super) fn is_set_aside(&self, server: &Server) -> bool {
        self.board().place_of(server).is_some_and(|place| place.set_aside.is_some())
    }

    pub(super) fn status(&self) -> Vec<ServerStatus> {
        self.board().places.iter().map(Place::status).collect()
    }

    /// How many jobs have a seat.
    pub(super) fn in_flight(&self) -> usize {
        let board = self.board();
        let taken = board.places.iter().map(|place| place.in_flight);
        taken.fold(0, usize::saturating_add)
    }

    /// How many jobs wait for a seat.
    pub(super) fn waiting(&self) -> usize {
        let board = self.board();
        board.waiting.values().flat_map(BTreeMap::values).map(VecDeque::len).sum()
    }

    /// The lock is never held over an await or a call of others, so the board is always whole.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    fn places_of(&self, urls: &[String]) -> Vec<usize> {
        let places = self.places.iter().enumerate();
        let fitting = places.filter(|(_, place)| {
            urls.is_empty() || urls.iter().any(|url| *url == place.server.url)
        });
        fitting.map(|(at, _)| at).collect()
    }

    fn place_of(&mut self, server: &Server) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.server.url == server.url)
    }

    /// Gives away seats as long as one is free and somebody may use it.
    fn assign(&mut self, dispatch: &Arc<Dispatch>) {
        while self.places.iter().any(Place::has_seat) {
            let Some((waiter, at)) = self.take_next() else { return };
            let Some(place) = self.places.get_mut(at) else { return };
            let server = Arc::clone(&place.server);
            let seat = Seat { dispatch: Some(Arc::clone(dispatch)), place: at, server };
            match waiter.seat.send(seat) {
                Ok(()) => place.take(waiter.models),
                // Who asked is gone. The seat was never taken, and the lock is held.
                Err(mut seat) => seat.dispatch = None,
            }
        }
    }

    /// Takes the job whose turn it is out of those that wait, with the place where it goes.
    fn take_next(&mut self) -> Option<(Waiter, usize)> {
        let (places, last_turns) = (&self.places, &self.last_turns);
        let mut next = None;
        for (priority, callers) in &mut self.waiting {
            let candidates = callers.iter_mut().filter_map(|(caller, waiters)| {
                waiters.retain(|waiter| !waiter.seat.is_closed());
                let mut fitting = waiters.iter().enumerate();
                let place_of = |waiter: &Waiter| best(places, &waiter.places, &waiter.models);
                let (index, at) =
                    fitting.find_map(|(index, waiter)| Some((index, place_of(waiter)?)))?;
                let last_turn = last_turns.get(caller).copied().unwrap_or_default();
                Some((last_turn, caller.clone(), index, at))
            });
            next = candidates.min().map(|candidate| (*priority, candidate));
            if next.is_some() {
                break;
            }
        }
        let (priority, (_, caller, index, at)) = next?;
        let waiter = self.waiting.get_mut(&priority)?.get_mut(&caller)?.remove(index)?;
        self.note_turn(caller);
        self.forget_empty();
        Some((waiter, at))
    }

    fn note_turn(&mut self, caller: String) {
        self.turn = self.turn.saturating_add(1);
        self.last_turns.insert(caller, self.turn);
        if self.last_turns.len() > CALLERS_REMEMBERED_MAX {
            let waiting = &self.waiting;
            let waits = |caller: &String| waiting.values().any(|of| of.contains_key(caller));
            self.last_turns.retain(|caller, _| waits(caller));
        }
    }

    fn forget_empty(&mut self) {
        self.waiting.retain(|_, callers| {
            callers.retain(|_, waiters| !waiters.is_empty());
            !callers.is_empty()
        });
    }
}

/// Of the places that will do and have a seat, the one where the job is likely to start first;
/// among equals the one with more free memory, then the one that was named first.
fn best(places: &[Place], fitting: &[usize], models: &[String]) -> Option<usize> {
    let free = fitting.iter().filter_map(|&at| Some((at, places.get(at)?)));
    let free = free.filter(|(_, place)| place.has_seat());
    let best = free.min_by(|(_, one), (_, other)| {
        let (one_wait, other_wait) = (one.wait(models), other.wait(models));
        let memory = |place: &Place| Reverse(place.server.vram_free_bytes().unwrap_or_default());
        one_wait.total_cmp(&other_wait).then_with(|| memory(one).cmp(&memory(other)))
    });
    best.map(|(at, _)| at)
}

impl Place {
    /// Another job comes here, with these models.
    fn take(&mut self, models: Vec<String>) {
        self.in_flight = self.in_flight.saturating_add(1);
        self.warm_models = models;
    }

    fn has_seat(&self) -> bool {
        self.set_aside.is_none() && self.in_flight < self.server.in_flight_max
    }

    /// How much comes before a job here, in jobs of a server of weight 1: what waits or runs, and
    /// the loading of models that it does not have in memory, which takes about as long as a job.
    fn wait(&self, models: &[String]) -> f64 {
        let in_flight = u64::try_from(self.in_flight).unwrap_or(u64::MAX);
        let before = self.server.link.queue_remaining().unwrap_or_default().max(in_flight);
        let is_warm = models.iter().all(|model| self.warm_models.contains(model));
        let jobs = before.saturating_add(1).saturating_add(u64::from(!is_warm));
        f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)) / self.server.weight
    }

    fn status(&self) -> ServerStatus {
        let server = &self.server;
        ServerStatus {
            name: server.name.clone(),
            url: server.url.clone(),
            is_connected: server.link.is_up(),
            set_aside: self.set_aside.clone(),
            in_flight: self.in_flight,
            in_flight_max: server.in_flight_max,
            queue_remaining: server.link.queue_remaining(),
            vram_free_bytes: server.vram_free_bytes(),
            warm_models: self.warm_models.clone(),
        }
    }
}

impl Seat {
    pub(super) fn server(&self) -> &Arc<Server> {
        &self.server
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(dispatch) = &self.dispatch else { return };
        let mut board = dispatch.board();
        if let Some(place) = board.places.get_mut(self.place) {
            place.in_flight = place.in_flight.saturating_sub(1);
        }
        board.assign(dispatch);
    }
}
