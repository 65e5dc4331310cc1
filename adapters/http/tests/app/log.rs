//! What is logged, as values.

use std::io::{Result, Write};
use std::sync::{Arc, Mutex, Once};

use serde_json::Value;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;

/// Lines of JSON as they were logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What is logged while a future runs.
    pub(crate) async fn of(logging: impl Future<Output = ()>) -> Vec<Value> {
        listen_for_good();
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_writer(log.clone())
            .finish();
        logging.with_subscriber(subscriber).await;
        let text = log.0.lock().expect("whoever writes does not panic");
        let lines = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let parsed = lines.map(|line| serde_json::from_slice(line).expect("a line is JSON"));
        parsed.collect()
    }
}

/// Has somebody listen as long as the process lives: otherwise what is logged while other tests begin and end to listen
/// may be taken for what nobody wants to hear.
fn listen_for_good() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let nobody = tracing_subscriber::fmt().with_writer(std::io::sink);
        drop(nobody.try_init());
    });
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0
            .lock()
            .expect("whoever writes does not panic")
            .write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}
