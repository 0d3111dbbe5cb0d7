use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use futures::future::join_all;

use super::{Connection, Durability, Error, Fault, Writer, open_in_memory};

fn write_half(connection: &Connection) {
    connection.execute_batch("CREATE TABLE half_done (x)").unwrap();
}

fn is_half_written(connection: &Connection) -> bool {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'half_done'";
    connection.query_row(tables, (), |row| row.get::<_, u32>(0)).unwrap() == 1
}

/// A writer that does nothing before `go_on` is told.
fn held_up(go_on: mpsc::Receiver<()>) -> (Writer, impl Future<Output = ()>) {
    let writer = Writer::start(open_in_memory().unwrap()).unwrap();
    let (began, has_begun) = tokio::sync::oneshot::channel();
    let hold = move |_: &Connection| {
        began.send(()).unwrap();
        go_on.recv().unwrap();
        Ok(())
    };
    let queue = super::lock(&writer.queue).clone().unwrap();
    let (hold, _) = super::group::one(Durability::OnDisk, hold);
    assert!(queue.try_send(hold).is_ok());
    (writer, async move { has_begun.await.unwrap() })
}

#[tokio::test]
async fn a_write_that_panics_changes_nothing_and_stops_no_other() {
    let writer = Writer::start(open_in_memory().unwrap()).unwrap();
    let panicked = writer.run(Durability::OnDisk, |connection| {
        write_half(connection);
        if is_half_written(connection) {
            std::panic::panic_any("in the middle of a write");
        }
        Ok(())
    });
    let error = panicked.await.unwrap_err();
    insta::assert_snapshot!(error, @"the work on the database failed by a defect of this program, and nothing was changed; please report it: in the middle of a write");
    let written = writer.run(Durability::OnDisk, |connection| Ok(is_half_written(connection)));
    assert!(!written.await.unwrap());
}

type Work = Box<dyn FnOnce(&Connection) -> Result<u32, Fault> + Send>;

/// Gives a store these writes at once, and what came of each.
async fn together(works: Vec<Work>) -> (Writer, Vec<Result<u32, Error>>) {
    let (go_on, may_go_on) = mpsc::channel();
    let (writer, has_begun) = held_up(may_go_on);
    has_begun.await;
    let mut all =
        Box::pin(join_all(works.into_iter().map(|work| writer.run(Durability::OnDisk, work))));
    assert!(futures::poll!(&mut all).is_pending());
    go_on.send(()).unwrap();
    let answers = all.await;
    (writer, answers)
}

fn row_count(connection: &Connection) -> Result<u32, Fault> {
    Ok(connection.query_row("SELECT count(*) FROM owners", (), |row| row.get(0))?)
}

fn add(connection: &Connection, id: &str) -> Result<u32, Fault> {
    connection.execute("INSERT INTO owners (id, alive_until) VALUES (?1, '')", [id])?;
    row_count(connection)
}

#[tokio::test]
async fn of_writes_that_are_committed_together_each_has_its_own_answer() {
    let (writer, answers) = together(vec![
        Box::new(|connection| add(connection, "a")),
        Box::new(|connection| add(connection, "a")),
        Box::new(|connection| {
            add(connection, "never")?;
            Err(Fault::Panic("refused".to_owned()))
        }),
        Box::new(|connection| add(connection, "b")),
    ])
    .await;
    let told: Vec<_> = answers.iter().map(|answer| answer.as_ref().ok().copied()).collect();
    assert_eq!(told, [Some(1), None, None, Some(2)]);
    assert_eq!(writer.run(Durability::InFile, row_count).await.unwrap(), 2);
}

#[tokio::test]
async fn when_sqlite_takes_the_whole_back_every_write_hears_of_it() {
    let (writer, answers) = together(vec![
        Box::new(|connection| add(connection, "a")),
        Box::new(|connection| {
            // What SQLite does on its own when the disk is full.
            connection.execute_batch("ROLLBACK")?;
            add(connection, "c")
        }),
        Box::new(|connection| add(connection, "b")),
    ])
    .await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    let written = writer.run(Durability::InFile, |connection| {
        let is_there = "SELECT count(*) FROM owners WHERE id IN ('a', 'b')";
        Ok(connection.query_row(is_there, (), |row| row.get::<_, u32>(0))?)
    });
    assert_eq!(written.await.unwrap(), 0);
}

/// How many pages the database may have, which is how large its disk is.
async fn limit_pages(writer: &Writer, pages: u32) {
    let limit = move |connection: &Connection| {
        let set = format!("PRAGMA max_page_count = {pages}");
        Ok(connection.query_row(&set, (), |row| row.get::<_, u32>(0))?)
    };
    writer.run(Durability::InFile, limit).await.unwrap();
}

fn add_large(connection: &Connection) -> Result<u32, Fault> {
    // More than the pages that are there have room for.
    add(connection, &"x".repeat(1 << 20))
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_takes_it_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let writer = Writer::start(super::open_writer(&path).unwrap()).unwrap();
    let add_small = |connection: &Connection| add(connection, "small");
    assert_eq!(writer.run(Durability::OnDisk, add_small).await.unwrap(), 1);
    // A limit below the present size means: not one page more.
    limit_pages(&writer, 1).await;
    for _ in 0..3 {
        let error = writer.run(Durability::OnDisk, add_large).await.unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"the disk of the database is full; nothing was changed, free some space and try again");
        }
        assert_eq!(writer.run(Durability::InFile, row_count).await.unwrap(), 1);
    }
    limit_pages(&writer, 1 << 20).await;
    assert_eq!(writer.run(Durability::OnDisk, add_large).await.unwrap(), 2);
    writer.close();
    let again = super::open_writer(&path).unwrap();
    assert!(matches!(row_count(&again), Ok(2)), "it was whole all the time");
}

#[tokio::test]
async fn on_a_full_disk_nobody_is_told_that_a_write_stands_which_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("factory.db");
    let (go_on, may_go_on) = mpsc::channel();
    let writer = Writer::start(super::open_writer(&path).unwrap()).unwrap();
    limit_pages(&writer, 1).await;
    let hold = writer.run(Durability::OnDisk, move |_| {
        may_go_on.recv().unwrap();
        Ok(0)
    });
    let small = |id: &'static str| move |connection: &Connection| add(connection, id);
    let mut all = Box::pin(async {
        tokio::join!(
            hold,
            writer.run(Durability::OnDisk, small("a")),
            writer.run(Durability::OnDisk, add_large),
            writer.run(Durability::OnDisk, small("b")),
        )
    });
    assert!(futures::poll!(&mut all).is_pending());
    go_on.send(()).unwrap();
    let (_, a, large, b) = all.await;
    assert!(matches!(large, Err(Error::Full)), "{large:?}");
    let stand = writer.run(Durability::InFile, row_count).await.unwrap();
    let told = u32::from(a.is_ok()) + u32::from(b.is_ok());
    assert_eq!(stand, told, "{a:?} {b:?}");
}

#[tokio::test]
async fn everybody_who_closes_waits_for_the_writes() {
    static IS_WRITTEN: AtomicBool = AtomicBool::new(false);
    let writer = Writer::start(open_in_memory().unwrap()).unwrap();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let write = writer.run(Durability::OnDisk, move |connection| {
        may_go_on.recv().unwrap();
        write_half(connection);
        IS_WRITTEN.store(true, Ordering::SeqCst);
        Ok(())
    });
    {
        let mut write = std::pin::pin!(write);
        assert!(futures::poll!(&mut write).is_pending());
    }
    thread::scope(|scope| {
        let closers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    writer.close();
                    IS_WRITTEN.load(Ordering::SeqCst)
                })
            })
            .collect();
        go_on.send(()).unwrap();
        assert!(closers.into_iter().all(|closer| closer.join().unwrap()));
    });
    assert!(matches!(writer.run(Durability::OnDisk, |_| Ok(())).await, Err(Error::Closed)));
}

#[tokio::test]
async fn where_there_are_many_jobs_every_write_is_answered_in_its_order() {
    let writer = Writer::start(open_in_memory().unwrap()).unwrap();
    writer.expect(super::JOBS_MANY);
    let table = |connection: &Connection| Ok(connection.execute_batch("CREATE TABLE t (x)")?);
    writer.run(Durability::OnDisk, table).await.unwrap();
    let counted = (0_u32..20).map(|number| {
        writer.run(Durability::InFile, move |connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [number])?;
            Ok(connection.query_row("SELECT count(*) FROM t", (), |row| row.get::<_, u32>(0))?)
        })
    });
    let counts: Vec<u32> = join_all(counted).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    // One alone is not kept waiting for ever, and closing does what is queued.
    let last = writer.run(Durability::OnDisk, |connection| {
        Ok(connection.query_row("SELECT count(*) FROM t", (), |row| row.get::<_, u32>(0))?)
    });
    assert_eq!(last.await.unwrap(), 20);
    writer.close();
}
