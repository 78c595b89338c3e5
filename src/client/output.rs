//! Files that commands write: a file of its own is there whole or not at all, and what is there of another kind is written into.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::ClientError;

/// What a command writes to.
#[derive(Debug)]
pub struct Output {
    /// As the command line names it.
    name: String,
    place: Place,
}

/// Where the bytes go.
#[derive(Debug)]
enum Place {
    /// Beside a file, whose place this one takes once it is whole.
    Beside { written: NamedTempFile, path: PathBuf },
    /// Into a device or a pipe, which stays what it is, or into standard output, whatever that is.
    Into(File),
}

impl Output {
    /// To the path: into what a link there leads to, and into a device or a pipe as it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn at(path: &Path) -> Result<Self, ClientError> {
        let place = place(path).map_err(ClientError::io(path.display()))?;
        Ok(Output { name: path.display().to_string(), place })
    }

    /// A file without a name for what is written before: where the output is, as there is room for it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self) -> Result<File, ClientError> {
        let made = match &self.place {
            Place::Beside { path, .. } => tempfile::tempfile_in(folder_of(path)),
            Place::Into(_) => tempfile::tempfile(),
        };
        made.map_err(ClientError::io(&self.name))
    }

    /// Puts a file in its place.
    ///
    /// # Errors
    /// It cannot be put there.
    pub fn finish(self) -> Result<(), ClientError> {
        match self.place {
            Place::Beside { written, path } => {
                written.persist(path).map(drop).map_err(|error| ClientError::io(self.name)(error.error))
            }
            Place::Into(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::Beside { written, .. } => written.write(bytes),
            Place::Into(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Beside { written, .. } => written.flush(),
            Place::Into(file) => file.flush(),
        }
    }
}

/// What standard output is called as a path.
const STANDARD_OUTPUT: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Where the bytes of a path go.
fn place(path: &Path) -> io::Result<Place> {
    if STANDARD_OUTPUT.iter().any(|name| path == Path::new(name)) {
        return Ok(Place::Into(io::stdout().as_fd().try_clone_to_owned()?.into()));
    }
    match fs::metadata(path) {
        Ok(about) if !about.is_file() => File::options().write(true).open(path).map(Place::Into),
        Ok(_) => beside(path.canonicalize()?),
        // A link may lead to what is not there yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(to) => place(&folder_of(path).join(to)),
            Err(_) => beside(path.to_owned()),
        },
        Err(error) => Err(error),
    }
}

/// Beside a file, with the rights that it has, or those that a new file of its owner gets.
fn beside(path: PathBuf) -> io::Result<Place> {
    let new = Permissions::from_mode(0o666);
    let written = tempfile::Builder::new().permissions(new).tempfile_in(folder_of(&path))?;
    if let Ok(about) = fs::metadata(&path) {
        written.as_file().set_permissions(about.permissions())?;
    }
    Ok(Place::Beside { written, path })
}

/// The folder that a path is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, symlink};

    use super::*;

    fn write(path: &Path, text: &str) {
        let mut output = Output::at(path).expect("it can be written");
        output.write_all(text.as_bytes()).expect("there is room");
        output.finish().expect("it can be put there");
    }

    #[test]
    fn a_file_is_replaced_and_a_link_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, link, early] = ["a.csv", "link.csv", "early.csv"].map(|name| folder.path().join(name));
        let unfinished = Output::at(&file).expect("it can be written");
        assert!(!file.exists(), "it is there whole or not at all");
        drop(unfinished);
        symlink("a.csv", &link).expect("a link");
        symlink("b.csv", &early).expect("a link to what is not there yet");
        for (path, read) in [(&file, "a.csv"), (&link, "a.csv"), (&early, "b.csv")] {
            write(path, read);
            assert_eq!(fs::read_to_string(folder.path().join(read)).expect("written"), read);
        }
        assert!(link.is_symlink() && early.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 4, "nothing is left beside");
        assert!(Output::at(folder.path()).is_err(), "a folder is no file");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("rights");
        write(&file, "b");
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o640, "as before");
    }

    #[test]
    fn a_device_stays_one() {
        write(Path::new("/dev/null"), "a");
        assert!(fs::metadata("/dev/null").expect("it is there").file_type().is_char_device());
        Output::at(Path::new("/dev/null")).and_then(|output| output.scratch()).expect("a file elsewhere");
    }
}
