//! Views that go on: `ringgate ctl top` and `ringgate ctl status --watch`, a frame after each interval until the
//! reader has had enough or the server has ended.
//!
//! Called by `client.rs`, which asks the server. `change` has what two statuses differ in, `frame` makes lines of
//! it, `keys` says what a key means: all three pure. `screen` has the terminal. Where there is none, frames follow
//! each other with an empty line between, and nothing is read.

mod change;
mod frame;
mod keys;
mod screen;
#[cfg(test)]
mod tests;

use super::client::{CtlError, Query};
use super::protocol::Request;
use super::text;
use change::Change;
use frame::{Area, Foot};
use keys::{Act, View};
use screen::{Heard, Screen};
use std::io::Write;
use std::time::{Duration, Instant};

/// Columns where no terminal says how many it has.
const COLUMNS: usize = 80;

/// Statuses after each interval, until the server ends.
pub(super) fn watch(
    query: &Query,
    json: bool,
    interval: Duration,
    on_screen: bool,
    out: &mut dyn Write,
) -> Result<(), CtlError> {
    let mut line = query.status_line()?;
    let screen = Screen::if_asked(on_screen)?;
    loop {
        let status = query.parsed(&line)?;
        match (&screen, json) {
            (_, true) => say(out, &line)?,
            (None, false) => say(out, &format!("{}\n", text::status(&status)))?,
            (Some(screen), false) => {
                let (_, rows) = screen.size();
                let shown: Vec<String> = text::status(&status)
                    .lines()
                    .take(rows)
                    .map(str::to_owned)
                    .collect();
                say(out, &screen::paint(&shown))?;
            }
        }
        match &screen {
            None => std::thread::sleep(interval),
            Some(screen) if is_over(screen, Instant::now() + interval)? => return Ok(()),
            Some(_) => {}
        }
        line = match query.status_line() {
            Ok(line) => line,
            Err(error) => return ended(error),
        };
    }
}

/// Waits for the time of the next frame, unless somebody ends the view before.
fn is_over(screen: &Screen, until: Instant) -> Result<bool, CtlError> {
    while let Some(heard) = screen.hear(until)? {
        match heard {
            Heard::Keys(keys) if !keys.iter().any(|key| keys::quits(*key)) => {}
            Heard::Keys(_) | Heard::End => return Ok(true),
        }
    }
    Ok(false)
}

/// Frames of `top`: one after two looks, or one after each interval.
pub(super) fn top(
    query: &Query,
    once: bool,
    interval: Duration,
    on_screen: bool,
    out: &mut dyn Write,
) -> Result<(), CtlError> {
    let mut view = View::default();
    let mut before = query.status()?;
    let mut now = before.clone();
    let screen = Screen::if_asked(on_screen && !once)?;
    loop {
        if let Some(screen) = &screen {
            let until = Instant::now() + interval;
            draw(screen, &Change::new(&before, &now), &view, out)?;
            while let Some(heard) = screen.hear(until)? {
                let Heard::Keys(keys) = heard else {
                    return Ok(());
                };
                for key in keys {
                    let act = view.press(key, &now);
                    if matches!(act, Act::Quit) {
                        return Ok(());
                    }
                    view.said = obeyed(query, act).or(view.said.take());
                }
                draw(screen, &Change::new(&before, &now), &view, out)?;
            }
            if view.is_paused {
                continue;
            }
        } else {
            std::thread::sleep(interval);
        }
        match query.status() {
            Ok(next) => before = std::mem::replace(&mut now, next),
            Err(error) => return ended(error),
        }
        if screen.is_none() {
            let lines = frame::lines(&Change::new(&before, &now), &view, Area::plain(COLUMNS));
            let text = lines.join("\n");
            match once {
                true => return say(out, &format!("{text}\n")),
                false => say(out, &format!("{text}\n\n"))?,
            }
        }
    }
}

fn draw(
    screen: &Screen,
    change: &Change<'_>,
    view: &View,
    out: &mut dyn Write,
) -> Result<(), CtlError> {
    let (columns, rows) = screen.size();
    let area = Area {
        columns,
        rows: Some(rows),
        foot: Foot::Keys,
    };
    say(out, &screen::paint(&frame::lines(change, view, area)))
}

/// The server's answer to an order that a key stands for; None without one.
fn obeyed(query: &Query, act: Act) -> Option<String> {
    let (request, done) = match act {
        Act::Nothing | Act::Quit => return None,
        Act::Resize(size) => (
            Request::Resize { size, wait: false },
            format!("resize {size}: done"),
        ),
        Act::Drain => (Request::Drain, "the server drains".to_owned()),
    };
    Some(match query.order(&request) {
        Ok(()) => done,
        Err(error) => error.to_string(),
    })
}

/// The end of a server that was there ends its view.
fn ended(error: CtlError) -> Result<(), CtlError> {
    match error.is_gone() {
        true => Ok(()),
        false => Err(error),
    }
}

fn say(out: &mut dyn Write, text: &str) -> Result<(), CtlError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(CtlError::unwritten)
}
