//! The listener under the issuer and the origin: a thread that serves, can go down and come back, and ends with its owner.

use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::body::{Body, BodyError};
use crate::error::TestkitError;
use crate::held_port::HeldPort;

/// Tries to take a port back after `down`: connections of before may be about to end.
const REBIND_TRIES: u32 = 2_000;
/// Pause between those tries.
const REBIND_PAUSE: Duration = Duration::from_millis(10);

/// What a handler gives: an answer, or an error that breaks the connection.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, BodyError>> + Send>>;

/// One server's behaviour.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer;
}

/// What the owner tells the serving thread; answered when it has happened.
enum Command {
    Down(std_mpsc::Sender<bool>),
    Up(std_mpsc::Sender<bool>),
}

/// A running server. Dropping it closes its listener and all its connections.
pub(crate) struct Server {
    /// Also while it is down.
    port: HeldPort,
    commands: Mutex<Option<mpsc::Sender<Command>>>,
    connections: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds `address` (port 0: any free one) and serves on a thread of its own.
    ///
    /// # Errors
    /// [`TestkitError::Io`] when the address cannot be bound or the thread not started.
    pub(crate) fn start(
        name: &str,
        address: SocketAddr,
        handler: Arc<dyn Handler>,
    ) -> Result<Server, TestkitError> {
        let bind = || TestkitError::io(format!("listen on {address} for the {name}"));
        let port = HeldPort::take(address).map_err(bind())?;
        let address = port.address();
        let listener = StdListener::bind(address).map_err(bind())?;
        listener.set_nonblocking(true).map_err(bind())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(bind())?;
        let (commands, received) = mpsc::channel(1);
        let connections = Arc::new(AtomicU64::new(0));
        let accepted = Arc::clone(&connections);
        let thread = std::thread::Builder::new()
            .name(format!("testkit-{name}"))
            .spawn(move || {
                runtime.block_on(async move {
                    // Registering with this runtime's reactor cannot fail for a bound socket.
                    if let Ok(listener) = TcpListener::from_std(listener) {
                        serve(listener, address, handler, received, accepted).await;
                    }
                });
                // Handlers that hang on purpose must not hold up the end.
                runtime.shutdown_background();
            })
            .map_err(bind())?;
        Ok(Server {
            port,
            commands: Mutex::new(Some(commands)),
            connections,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Connections accepted since the start.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Stops listening and breaks every connection; true when that has happened.
    pub(crate) fn go_down(&self) -> bool {
        self.tell(Command::Down)
    }

    /// Listens again on the same port; false when that cannot be.
    pub(crate) fn come_up(&self) -> bool {
        self.tell(Command::Up)
    }

    fn tell(&self, command: impl FnOnce(std_mpsc::Sender<bool>) -> Command) -> bool {
        // Held until the answer: the queue of one is then always free.
        let commands = self.commands.lock();
        let (done, waiting) = std_mpsc::channel();
        let sent = commands
            .as_ref()
            .is_some_and(|commands| commands.try_send(command(done)).is_ok());
        sent && waiting.recv().unwrap_or(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The thread ends when its queue closes.
        self.commands.lock().take();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    handler: Arc<dyn Handler>,
    mut commands: mpsc::Receiver<Command>,
    accepted: Arc<AtomicU64>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                None => return,
                Some(Command::Down(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    let _owner_left = done.send(true);
                }
                Some(Command::Up(done)) => {
                    if listener.is_none() {
                        listener = rebind(address).await;
                    }
                    let _owner_left = done.send(listener.is_some());
                }
            },
            stream = accept(listener.as_ref()) => {
                accepted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(converse(stream, Arc::clone(&handler)));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// The next connection; never, while down.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Out of descriptors, or the peer has gone: the next try may do.
            Err(_) => tokio::time::sleep(REBIND_PAUSE).await,
        }
    }
}

async fn rebind(address: SocketAddr) -> Option<TcpListener> {
    for _ in 0..REBIND_TRIES {
        if let Ok(listener) = TcpListener::bind(address).await {
            return Some(listener);
        }
        tokio::time::sleep(REBIND_PAUSE).await;
    }
    None
}

/// HTTP/1.1 or h2c, as the client's first bytes say.
async fn converse(stream: TcpStream, handler: Arc<dyn Handler>) {
    let _unsupported = stream.set_nodelay(true);
    let service = service_fn(move |request| Arc::clone(&handler).answer(request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    // An error here is a client that left or a fault on purpose.
    let _ended = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
}
