//! User authentication (RFC 4252): each declared way once, and no second try after a refusal.

use std::path::Path;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interactive};
use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};

use super::super::target::{Auth, Endpoint, SecretSource};
use super::error::{Phase, SshError};
use super::gate::{Gate, Seen};
use crate::evidence::Age;
use crate::os;

/// Most keys of an agent that are offered: sshd closes the connection at the sixth refusal (MaxAuthTries).
const MAX_AGENT_KEYS: usize = 5;

/// Most rounds of a keyboard-interactive exchange (RFC 4256).
const MAX_ROUNDS: usize = 4;

/// A login in progress.
struct Login<'a> {
    handle: &'a mut Handle<Gate>,
    user: &'a str,
    age: Age,
    /// What the server still accepts; `None` until it has said so.
    offered: Option<MethodSet>,
    tried: Vec<String>,
    problems: Vec<String>,
}

/// Logs in. The caller sets the time limit.
pub(super) async fn login(handle: &mut Handle<Gate>, to: &Endpoint, seen: &Seen) -> Result<(), SshError> {
    let mut login = Login {
        handle,
        user: &to.user,
        age: to.algorithms,
        offered: None,
        tried: Vec::new(),
        problems: Vec::new(),
    };
    for auth in &to.auth {
        let done = match auth {
            Auth::Key(file) => match file.load().await {
                Ok(key) => login.key(key).await,
                Err(problem) => login.skip(format!("{}: {problem}", file.path.display())),
            },
            Auth::Agent { socket } => login.agent(socket.as_deref()).await,
            Auth::Password(secret) => login.password(secret).await,
        };
        if login.handle.is_closed() && !matches!(done, Ok(true)) {
            let problem = seen.end().unwrap_or_else(|| "closed by the other side".to_owned());
            return Err(SshError::Lost { address: to.to_string(), phase: Phase::Login, problem });
        }
        match done {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => login.problems.push(error.to_string()),
        }
    }
    let (address, user) = (to.to_string(), to.user.clone());
    if login.tried.is_empty() {
        if login.problems.is_empty() {
            login.problems.push("no way to log in is declared".to_owned());
        }
        return Err(SshError::NoCredential { address, user, problems: login.problems });
    }
    Err(SshError::LoginRefused { address, user, tried: login.tried })
}

impl Login<'_> {
    async fn key(&mut self, key: Arc<PrivateKey>) -> Result<bool, russh::Error> {
        if !self.offers(MethodKind::PublicKey) {
            return self.skip("the server accepts no keys".to_owned());
        }
        let hash = if key.algorithm().is_rsa() { self.rsa_hash().await? } else { None };
        self.tried.push("publickey".to_owned());
        let result =
            self.handle.authenticate_publickey(self.user, PrivateKeyWithHashAlg::new(key, hash)).await?;
        Ok(self.settle(result))
    }

    async fn agent(&mut self, socket: Option<&Path>) -> Result<bool, russh::Error> {
        if !self.offers(MethodKind::PublicKey) {
            return self.skip("the server accepts no keys".to_owned());
        }
        let mut agent = match os::ssh_agent(socket).await {
            Ok(agent) => agent,
            Err(error) => return self.skip(format!("no agent: {error}")),
        };
        // Keys that are bound to destinations need the agent to know the session (OpenSSH PROTOCOL.agent).
        if let Some(binding) = self.handle.agent_session_binding() {
            let _ = agent.bind_session(binding, false).await;
        }
        let identities = agent.request_identities().await?;
        if identities.is_empty() {
            return self.skip("the agent holds no keys".to_owned());
        }
        for identity in identities.into_iter().take(MAX_AGENT_KEYS) {
            let rsa = identity.public_key().algorithm().is_rsa();
            let hash = if rsa { self.rsa_hash().await? } else { None };
            self.tried.push("publickey (agent)".to_owned());
            let handle = &mut *self.handle;
            let result = match identity {
                AgentIdentity::PublicKey { key, .. } => {
                    handle.authenticate_publickey_with(self.user, key, hash, &mut agent).await
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    handle.authenticate_certificate_with(self.user, certificate, hash, &mut agent).await
                }
            };
            match result.map(|r| self.settle(r)) {
                Ok(true) => return Ok(true),
                Ok(false) if self.offers(MethodKind::PublicKey) && !self.handle.is_closed() => {}
                Ok(false) => break,
                Err(error) => self.problems.push(format!("agent: {error}")),
            }
        }
        Ok(false)
    }

    async fn password(&mut self, secret: &SecretSource) -> Result<bool, russh::Error> {
        if self.tried.iter().any(|t| t == "password" || t == "keyboard-interactive") {
            return self.skip("a password was already refused".to_owned());
        }
        if self.offered.is_none() {
            let result = self.handle.authenticate_none(self.user).await?;
            if self.settle(result) {
                self.tried.push("none".to_owned());
                return Ok(true);
            }
        }
        let plain = self.offers(MethodKind::Password);
        if !plain && !self.offers(MethodKind::KeyboardInteractive) {
            return self.skip("the server accepts no password".to_owned());
        }
        let Some(password) = secret.fetch().await else {
            return self.skip(format!("no password in {}", secret.name()));
        };
        if plain {
            self.tried.push("password".to_owned());
            let result = self.handle.authenticate_password(self.user, password).await?;
            return Ok(self.settle(result));
        }
        self.tried.push("keyboard-interactive".to_owned());
        self.interactive(password).await
    }

    /// Answers one hidden prompt with the password; a server that asks for anything else is not understood.
    async fn interactive(&mut self, password: String) -> Result<bool, russh::Error> {
        let mut password = Some(password);
        let mut step = self.handle.authenticate_keyboard_interactive_start(self.user, None::<String>).await?;
        for _ in 0..MAX_ROUNDS {
            let answers = match step {
                Interactive::Success => return Ok(true),
                Interactive::Failure { remaining_methods, .. } => {
                    self.offered = Some(remaining_methods);
                    return Ok(false);
                }
                Interactive::InfoRequest { prompts, .. } => match (prompts.as_slice(), password.take()) {
                    ([], kept) => {
                        password = kept;
                        Vec::new()
                    }
                    ([only], Some(password)) if !only.echo => vec![password],
                    _ => return self.skip("the server asks for more than a password".to_owned()),
                },
            };
            step = self.handle.authenticate_keyboard_interactive_respond(answers).await?;
        }
        Ok(false)
    }

    fn offers(&self, method: MethodKind) -> bool {
        self.offered.as_ref().is_none_or(|o| o.contains(&method))
    }

    fn settle(&mut self, result: AuthResult) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure { remaining_methods, .. } => {
                self.offered = Some(remaining_methods);
                false
            }
        }
    }

    fn skip(&mut self, problem: String) -> Result<bool, russh::Error> {
        self.problems.push(problem);
        Ok(false)
    }

    /// The best RSA signature that the server takes (RFC 8308, RFC 8332); one that says nothing gets SHA-512, or the only one
    /// that there was before if it may be as old as that.
    async fn rsa_hash(&self) -> Result<Option<HashAlg>, russh::Error> {
        let silent = (self.age == Age::Modern).then_some(HashAlg::Sha512);
        Ok(self.handle.best_supported_rsa_hash().await?.unwrap_or(silent))
    }
}
