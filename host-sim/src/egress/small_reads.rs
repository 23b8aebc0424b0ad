//! A connection that is read in small pieces.
//!
//! hyper doubles the buffer of a connection whenever a read fills it, up to the largest head that is allowed, and a connection
//! that waits for its next request keeps a buffer of that size. A thousand tenants with a few connections each held half a
//! gigabyte in them. A read that never fills the buffer never makes it grow.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

/// Most bytes of one read: a byte less than the buffer in which hyper's growth is to end. Each read of a body goes to the guest by
/// itself, so that smaller ones cost time.
const MOST: u64 = (16 << 10) - 1;

/// A TCP connection, of which no read takes more than [`MOST`].
#[derive(Debug)]
pub(super) struct SmallReads {
    connection: Take<TcpStream>,
    /// Held until the connection is closed.
    _room: OwnedSemaphorePermit,
}

impl SmallReads {
    /// Of a connection that takes one of its server's places.
    pub(super) fn of(connection: TcpStream, room: OwnedSemaphorePermit) -> Self {
        Self { connection: connection.take(MOST), _room: room }
    }

    pub(super) fn connection(&self) -> &TcpStream {
        self.connection.get_ref()
    }

    fn writer(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(self.get_mut().connection.get_mut())
    }
}

impl AsyncRead for SmallReads {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.connection.set_limit(MOST);
        Pin::new(&mut self.connection).poll_read(context, buffer)
    }
}

impl AsyncWrite for SmallReads {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writer().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection().is_write_vectored()
    }
}

impl Connection for SmallReads {
    fn connected(&self) -> Connected {
        self.connection().connected()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Semaphore;

    use super::{MOST, SmallReads};

    #[tokio::test]
    async fn no_read_fills_a_buffer_and_none_is_the_last() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let room = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let mut one = SmallReads::of(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap(), room);
        let (mut other, _) = listener.accept().await.unwrap();
        let most = usize::try_from(MOST).unwrap();
        let sent = vec![7; 5 * most];
        // As much as the system takes has come before anything is read.
        let writing = tokio::spawn(async move { other.write_all(&sent).await.map(|()| other) });
        one.connection().readable().await.unwrap();
        let (mut buffer, mut all) = (vec![0; 10 * most], 0);
        while all < 5 * most {
            let read = one.read(&mut buffer).await.unwrap();
            assert!((1..=most).contains(&read), "{read}");
            all += read;
        }
        // What is sent is whole.
        let mut other = writing.await.unwrap().unwrap();
        one.write_all(&vec![7; 5 * most]).await.unwrap();
        one.shutdown().await.unwrap();
        assert_eq!(other.read_to_end(&mut Vec::new()).await.unwrap(), 5 * most);
    }
}
