//! Requests as they come over a connection, for proxies that look at them.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// One request or answer up to the end of its head, the empty line included; nothing if the connection ends before.
pub async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// One whole request, byte for byte: a query has a body, whose length is told or which comes in chunks.
pub async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut request = head(stream).await?;
    if let Some(length) = field(&request, "content-length") {
        let mut body = vec![0; length.parse().ok()?];
        stream.read_exact(&mut body).await.ok()?;
        request.push_str(&String::from_utf8(body).ok()?);
    } else if field(&request, "transfer-encoding").is_some() {
        let mut body = Vec::new();
        // JSON has no line breaks of this kind, so that only the last chunk ends like this.
        while !body.ends_with(b"0\r\n\r\n") {
            body.push(stream.read_u8().await.ok()?);
        }
        request.push_str(&String::from_utf8(body).ok()?);
    }
    Some(request)
}

/// The value of a header, named in lower case.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
