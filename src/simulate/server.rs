//! The SSH side of a simulated device (RFC 4252, RFC 4254): login, channels, exec requests.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PublicKey;
use russh::server::{self, Auth, ChannelOpenHandle, Config, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelMsg, MethodKind, MethodSet, Preferred, Pty, SshId, cipher, kex, mac};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::device::{Fault, Stage};
use super::play;
use super::shell::Shell;

/// Who may log in: anybody with this password or one of these keys.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// The password, if there is one.
    pub password: Option<String>,
    /// Public keys.
    pub keys: Vec<PublicKey>,
}

impl Login {
    /// Only a password.
    pub fn password(password: &str) -> Self {
        Self { password: Some(password.to_owned()), keys: Vec::new() }
    }
}

/// Accepts connections until the fleet is dropped.
pub(super) async fn listen(listener: TcpListener, stage: Arc<Stage>, login: Arc<Login>) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        sessions.spawn(serve(stream, Arc::clone(&stage), Arc::clone(&login)));
        while sessions.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, stage: Arc<Stage>, login: Arc<Login>) {
    let fault = stage.now().fault;
    if fault == Some(Fault::Mute) {
        let _stream = stream;
        return std::future::pending().await;
    }
    let (Ok(key), Ok((stream, cord))) = (stage.host_key(), with_cord(stream)) else { return };
    let methods: &[MethodKind] = match fault {
        Some(Fault::Interactive) => &[MethodKind::KeyboardInteractive],
        _ => &[MethodKind::PublicKey, MethodKind::Password],
    };
    let old = stage.now().state.terminal.as_ref().is_some_and(|terminal| terminal.old_algorithms);
    let config = Config {
        preferred: if old { old_algorithms() } else { Preferred::DEFAULT },
        server_id: SshId::Standard(Cow::Owned(banner(&stage.now().state.banner))),
        keys: vec![key],
        methods: MethodSet::from(methods),
        auth_rejection_time: Duration::ZERO,
        nodelay: true,
        ..Config::default()
    };
    let (channels, terminals) = (HashMap::new(), HashMap::new());
    let handler = Handler { stage, login, cord: Arc::new(cord), channels, terminals, tasks: JoinSet::new() };
    if let Ok(session) = server::run_stream(Arc::new(config), stream, handler).await {
        let _ = session.await;
    }
}

/// What devices of 2012 have.
fn old_algorithms() -> Preferred {
    Preferred {
        kex: Cow::Borrowed(&[kex::DH_G14_SHA1]),
        cipher: Cow::Borrowed(&[cipher::AES_128_CBC]),
        mac: Cow::Borrowed(&[mac::HMAC_SHA1]),
        ..Preferred::DEFAULT
    }
}

/// What the server calls itself. RFC 4253 section 4.2 wants printable ASCII in 255 bytes.
fn banner(wanted: &str) -> String {
    let printable = wanted.len() < 250 && wanted.bytes().all(|b| (0x20..0x7f).contains(&b));
    match wanted.strip_prefix("SSH-2.0-") {
        Some(name) if printable && !name.is_empty() => wanted.to_owned(),
        _ => concat!("SSH-2.0-sekisho-simulate_", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// A stream and a second grip on it, to tear it apart without a goodbye.
fn with_cord(stream: TcpStream) -> std::io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let cord = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, cord))
}

struct Handler {
    stage: Arc<Stage>,
    login: Arc<Login>,
    cord: Arc<std::net::TcpStream>,
    /// Channels without a request so far.
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// Columns and rows of the terminals that were asked for.
    terminals: HashMap<ChannelId, (usize, usize)>,
    /// Answers under way; they end with the connection.
    tasks: JoinSet<()>,
}

impl Handler {
    fn verdict(&self, good: bool) -> Auth {
        let refuse = self.stage.now().fault == Some(Fault::RefuseLogin);
        if good && !refuse { Auth::Accept } else { Auth::reject() }
    }
}

impl server::Handler for Handler {
    type Error = russh::Error;

    async fn auth_password(&mut self, _user: &str, password: &str) -> Result<Auth, Self::Error> {
        let plain = self.stage.now().fault != Some(Fault::Interactive);
        Ok(self.verdict(plain && self.login.password.as_deref() == Some(password)))
    }

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let data = key.public_key.key_data();
        Ok(self.verdict(self.login.keys.iter().any(|k| k.key_data() == data)))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut response) = response else {
            let prompts = Cow::Owned(vec![(Cow::Borrowed("Password: "), false)]);
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts });
        };
        let given = response.next();
        Ok(self.verdict(given.as_deref() == self.login.password.as_deref().map(str::as_bytes)))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let now = self.stage.now();
        match now.fault {
            _ if now.state.terminal.is_some() => return session.channel_failure(channel),
            Some(Fault::RefuseExec) => return session.channel_failure(channel),
            Some(Fault::MuteShell) => return session.channel_success(channel),
            _ => session.channel_success(channel)?,
        }
        let Some((mut from, to)) = self.channels.remove(&channel).map(Channel::split) else { return Ok(()) };
        let request = String::from_utf8_lossy(data).into_owned();
        let (handle, cord) = (session.handle(), Arc::clone(&self.cord));
        self.tasks.spawn(async move {
            // What comes in must be read even though nothing of it matters: an undrained channel stalls the
            // session.
            let closed = async { while !matches!(from.wait().await, None | Some(ChannelMsg::Close)) {} };
            let ending = tokio::select! {
                ending = play::answer(&handle, &to, &request, &now) => ending,
                () = closed => play::Ending::Quiet,
            };
            if ending == play::Ending::TearApart {
                let _ = cord.shutdown(Shutdown::Both);
            }
        });
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        columns: u32,
        rows: u32,
        _pixels_wide: u32,
        _pixels_high: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let number = |n: u32| usize::try_from(n).unwrap_or(0);
        self.terminals.insert(channel, (number(columns), number(rows)));
        session.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        let now = self.stage.now();
        let Some(terminal) = now.state.terminal.clone() else { return session.channel_failure(channel) };
        session.channel_success(channel)?;
        if now.fault == Some(Fault::MuteShell) {
            return Ok(());
        }
        let Some((from, to)) = self.channels.remove(&channel).map(Channel::split) else { return Ok(()) };
        let asked = self.terminals.get(&channel).copied().filter(|_| terminal.obeys_terminal);
        let (columns, rows) = asked.unwrap_or((terminal.columns, terminal.rows));
        let cord = Arc::clone(&self.cord);
        self.tasks.spawn(async move {
            let (now, terminal, typed) = (&now, &*terminal, VecDeque::new());
            let shell = Shell { from, to: &to, now, terminal, columns, rows, typed, shown: 0 };
            match shell.run().await {
                play::Ending::TearApart => {
                    let _ = cord.shutdown(Shutdown::Both);
                }
                play::Ending::Quiet => {
                    let _ = to.close().await;
                }
            }
        });
        Ok(())
    }
}
