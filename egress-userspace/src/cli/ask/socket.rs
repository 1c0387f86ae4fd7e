//! Where the gateway is asked.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{AskError, Asker};
use crate::cli::DEFAULT_CONFIG;
use crate::config::{Admin, Config, ReadError, SocketPath};

/// Where the gateway is asked.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Socket {
    /// The configuration file, for its [admin] socket. If it can't be read, questions go to the default one;
    /// orders only if the file is the default one, too.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The socket, whatever the configuration says.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// What a configuration says of its socket.
#[derive(Debug, PartialEq)]
struct Found {
    socket: SocketPath,
    /// Why another might have been meant.
    doubt: Option<String>,
}

impl Socket {
    /// The socket of this configuration, or this one.
    pub(in crate::cli) fn new(config: PathBuf, socket: Option<PathBuf>) -> Self {
        Self { config, socket }
    }

    /// The configuration file.
    pub(in crate::cli) fn config(&self) -> &Path {
        &self.config
    }

    /// Who is asked there. A configuration that is wrong must not stand in the way of an operator who wants to
    /// know; but it is said.
    pub(in crate::cli) fn asker(self) -> Result<Asker, AskError> {
        self.find().told().asker()
    }

    /// The same, for who says already what is wrong with the configuration.
    pub(in crate::cli) fn asker_unsaid(self) -> Result<Asker, AskError> {
        self.find().asker()
    }

    /// Who is given an order. One that is meant for the gateway of a certain configuration goes to no other. The
    /// default configuration's is at the default, and where that one is wrong its gateway still runs.
    pub(in crate::cli) fn for_orders(self) -> Result<Asker, AskError> {
        match self.find() {
            Found {
                doubt: Some(doubt), ..
            } if self.config != Path::new(DEFAULT_CONFIG) => Err(AskError::Nobody(doubt)),
            found => found.told().asker(),
        }
    }

    fn find(&self) -> Found {
        let certain = |socket| Found {
            socket,
            doubt: None,
        };
        if let Some(socket) = &self.socket {
            return certain(SocketPath::At(socket.clone()));
        }
        let error = match Config::read(&self.config) {
            Ok(config) => return certain(config.admin.socket),
            Err(error) => error,
        };
        let config = self.config.display();
        let doubt = match error {
            // A node need not have one.
            ReadError::Io { source, .. }
                if source.kind() == ErrorKind::NotFound
                    && self.config == Path::new(DEFAULT_CONFIG) =>
            {
                None
            }
            ReadError::Io { source, .. } => Some(format!("{config} can't be read: {source}")),
            ReadError::Invalid(_) => {
                let text = fs::read_to_string(&self.config).unwrap_or_default();
                if let Some(socket) = SocketPath::said(&text) {
                    return certain(socket);
                }
                Some(format!("{config} is wrong, as `egress check` says"))
            }
        };
        let socket = Admin::default().socket;
        Found { socket, doubt }
    }
}

impl Found {
    /// Says it if another might have been meant.
    fn told(self) -> Self {
        if let (Some(doubt), SocketPath::At(socket)) = (&self.doubt, &self.socket) {
            eprintln!("{doubt}: asking at the default, {}", socket.display());
        }
        self
    }

    fn asker(self) -> Result<Asker, AskError> {
        match self.socket {
            SocketPath::At(path) => Ok(Asker::new(path)),
            SocketPath::Off => Err(AskError::Off),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// What is found where this is the configuration, and where an order goes.
    fn found(text: &str) -> (Found, Result<PathBuf, String>) {
        let dir = TempDir::new().expect("a directory");
        let config = dir.path().join("egress.toml");
        fs::write(&config, text).expect("it is written");
        let socket = Socket::new(config, None);
        let found = socket.find();
        let ordered = socket.for_orders().map(|asker| asker.socket);
        (found, ordered.map_err(|error| error.to_string()))
    }

    #[test]
    fn a_configuration_that_is_wrong_elsewhere_says_where_its_gateway_is() {
        let (said, ordered) = found("[gatway]\n[admin]\nsocket = \"/run/other.sock\"\n");
        assert_eq!(said.socket, SocketPath::At("/run/other.sock".into()));
        assert_eq!(said.doubt, None);
        assert_eq!(ordered, Ok("/run/other.sock".into()));
        let (_, off) = found("[gatway]\n[admin]\nsocket = \"off\"\n");
        assert!(off.is_err_and(|error| error.contains("\"off\"")));
    }

    #[test]
    fn a_question_goes_to_the_default_where_the_configuration_does_not_say_and_an_order_nowhere() {
        for text in [
            "[gatway]",
            "no TOML",
            "[admin]\nsoket = \"/run/other.sock\"",
            "[admin]\nsocket = \"other.sock\"",
            "[admin]\nsocket = 7",
            "admin = 7",
        ] {
            let (found, ordered) = found(text);
            assert_eq!(found.socket, Admin::default().socket, "{text}");
            assert!(found.doubt.is_some(), "{text}");
            let error = ordered.expect_err(text);
            assert!(error.contains("--socket"), "{error}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_and_is_no_place_for_orders() {
        let named = || Socket::new("/nonexistent/egress.toml".into(), None);
        let doubt = named().find().doubt.unwrap_or_default();
        assert!(
            doubt.starts_with("/nonexistent/egress.toml can't be read: No such file"),
            "{doubt}"
        );
        let refused = named().for_orders();
        assert!(matches!(refused, Err(AskError::Nobody(_))), "{refused:?}");
        let socket = Some("/run/other.sock".into());
        let asker = Socket::new("/nonexistent/egress.toml".into(), socket).for_orders();
        assert_eq!(
            asker.expect("it is said").socket,
            Path::new("/run/other.sock")
        );
    }
}
