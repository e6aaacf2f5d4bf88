//! The program in the hands of an ordinary user, where root cannot paper over a permission.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::serve::{Server, free_port, home};
use super::{assert_refused, command_of};

const NOBODY: u32 = 65534;

/// The program in `home`, run as `nobody` when we are root, else as ourselves.
fn ordinary(home: &Path, settings: &[(&str, &str)]) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_portcullis"));
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return command_of(built, home, settings);
    }
    // The build may be under a home that nobody else may enter.
    let program = home.join("portcullis");
    if !program.exists() && fs::hard_link(built, &program).is_err() {
        fs::copy(built, &program).unwrap();
    }
    let mut command = command_of(&program, home, settings);
    command.uid(NOBODY).gid(NOBODY).env("HOME", home);
    command
}

#[test]
fn an_ordinary_user_has_all_of_it() {
    let (home, port) = (home(), free_port());
    fs::set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
    let bind = format!("127.0.0.1:{port}");
    let settings = [("PORTCULLIS_BIND", bind.as_str())];
    let server = Server::run(ordinary(home.path(), &settings), port);
    server.become_ready(&format!("localhost:{port}"));
    let add = ["user-create-human", "--username", "ann", "--json"];
    assert!(ordinary(home.path(), &settings).args(add).output().unwrap().status.success());

    let data = home.path().join("data");
    let owner = server.child.id();
    let owner = fs::metadata(format!("/proc/{owner}")).unwrap().uid();
    for file in ["secret.key", "postgres", "postgres/postmaster.pid", "portcullis.lock"] {
        assert_eq!(fs::metadata(data.join(file)).unwrap().uid(), owner, "{file}");
    }
    assert!(server.signal("-TERM").success());
    assert!(!data.join("postgres/postmaster.pid").exists(), "PostgreSQL still runs");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named_with_the_way_out() {
    let home = home();
    let locked = home.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, Permissions::from_mode(0o555)).unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    for (dir, why) in [("locked", "Permission denied"), ("locked/data", "Permission denied"), ("file", "File exists")] {
        for verb in ["serve", "migrate"] {
            let output = ordinary(home.path(), &[("PORTCULLIS_DATA_DIR", dir)]).arg(verb).output().unwrap();
            let way_out = "make it writable, or choose another PORTCULLIS_DATA_DIR";
            assert_refused(&output, 1, way_out);
            assert_refused(&output, 1, &format!("{dir} cannot be used ({why}"));
        }
    }
}
