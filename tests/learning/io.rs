//! Files: every bit comes back, and what is not whole is refused.

use proptest::prelude::*;
use std::path::PathBuf;
#[cfg(feature = "derive")]
use wengert::Structure;
use wengert::io::Archive;
use wengert::nn::{self, Init, Params, Rng};
use wengert::{Array, Function};

/// A directory that is removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("wengert-io-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn files(&self) -> Vec<String> {
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        std::fs::read_dir(&self.0).unwrap().map(name).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn small() -> Archive {
    let mut archive = Archive::new();
    archive.put_text("about", "a σ").put_count("steps", 7).put_array("w", &Array::vector(vec![1.5f32, f32::NAN]));
    archive
}

/// A file of version 1, byte by byte; the checksum is that of an implementation of its own, bit by bit.
#[test]
fn the_form_stays_what_it_is() {
    let number = |n: u64| n.to_le_bytes().to_vec();
    let body = [
        [&number(5)[..], b"about", &[1], &number(4), "a σ".as_bytes()].concat(),
        [&number(5)[..], b"steps", &[2], &number(7)].concat(),
        [&number(1)[..], b"w", &[3], &number(1), &number(2), &1.5f32.to_le_bytes(), &f32::NAN.to_le_bytes()].concat(),
    ]
    .concat();
    let mut file = [&b"\x89wengert\r\n\x1a\n"[..], &1u32.to_le_bytes(), &number(body.len() as u64), &body].concat();
    let mut sum = !0u64;
    for byte in &file {
        sum ^= u64::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xc96c_5795_d787_0f42 } else { sum >> 1 };
        }
    }
    file.extend(number(!sum));
    assert_eq!(small().to_bytes(), file);
    let read = Archive::from_bytes(&file).unwrap();
    assert_eq!((read.text("about").unwrap(), read.count("steps").unwrap()), ("a σ", 7));
    assert_eq!(read.array::<f32>("w").unwrap().data()[1].to_bits(), f32::NAN.to_bits());
}

proptest! {
    #[test]
    fn numbers_come_back_to_the_bit(wide in prop::collection::vec(any::<u64>(), 0..20), narrow in prop::collection::vec(any::<u32>(), 0..20)) {
        let (f64s, f32s): (Vec<f64>, Vec<f32>) =
            (wide.iter().map(|&v| f64::from_bits(v)).collect(), narrow.iter().map(|&v| f32::from_bits(v)).collect());
        let mut archive = Archive::new();
        archive.put_array("wide", &Array::vector(f64s)).put_array("narrow", &Array::new([1, narrow.len()], f32s).unwrap());
        let read = Archive::from_bytes(&archive.to_bytes()).unwrap();
        prop_assert!(read.names().eq(["wide", "narrow"]));
        let back = read.array::<f64>("wide").unwrap();
        prop_assert!(back.data().iter().map(|v| v.to_bits()).eq(wide));
        let back = read.array::<f32>("narrow").unwrap();
        prop_assert_eq!(back.shape(), &[1, narrow.len()]);
        prop_assert!(back.data().iter().map(|v| v.to_bits()).eq(narrow));
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200), whole in any::<bool>()) {
        // Behind a right head, too.
        let head = [&b"\x89wengert\r\n\x1a\n"[..], &1u32.to_le_bytes(), &(bytes.len().max(8) as u64 - 8).to_le_bytes()].concat();
        let bytes = if whole { [head, bytes].concat() } else { bytes };
        prop_assert!(Archive::from_bytes(&bytes).is_err_and(|error| error.is_file()));
    }
}

#[test]
fn no_damage_goes_unseen() {
    let file = small().to_bytes();
    for at in 0..file.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= flip;
            let error = Archive::from_bytes(&damaged).unwrap_err();
            let says = match at {
                0..12 => "no file of this library",
                12..16 => "it is of version",
                16..24 => "",
                _ => "damaged",
            };
            assert!(error.is_file() && error.to_string().contains(says), "byte {at}: {error}");
        }
    }
    for len in 0..file.len() {
        let error = Archive::from_bytes(&file[..len]).unwrap_err();
        assert!(error.is_file() && error.to_string().contains("cut off"), "{len} bytes: {error}");
    }
    let error = Archive::from_bytes(&[&file[..], b"\n"].concat()).unwrap_err();
    assert!(error.to_string().contains("something follows"), "{error}");
}

#[test]
fn foreign_and_newer_files() {
    let directory = Directory::new("foreign");
    let path = directory.0.join("file");
    std::fs::write(&path, "{\"version\": 1}").unwrap();
    let error = Archive::load(&path).unwrap_err();
    assert!(error.is_file() && error.to_string().contains("no file of this library"), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()) && error.to_string().contains("tests/learning/io.rs"), "{error}");
    let mut newer = small().to_bytes();
    newer[12] = 2;
    std::fs::write(&path, newer).unwrap();
    let error = Params::<f32>::load(&path).unwrap_err();
    assert!(error.is_file() && error.to_string().contains("version 2, and this library reads version 1"), "{error}");
    let error = Archive::load(directory.0.join("nothing")).unwrap_err();
    assert!(error.is_file() && error.to_string().contains("cannot be read"), "{error}");
    assert!(Archive::load(&directory.0).unwrap_err().is_file());
}

#[test]
fn a_file_is_replaced_at_once() {
    let directory = Directory::new("replace");
    let path = directory.0.join("model");
    small().save(&path).unwrap();
    let mut other = small();
    other.put_count("steps", 8).put_text("w", "no longer an array");
    other.save(&path).unwrap();
    let read = Archive::load(&path).unwrap();
    assert_eq!((read.count("steps").unwrap(), read.text("w").unwrap()), (8, "no longer an array"));
    assert_eq!(read.names().collect::<Vec<_>>(), ["about", "steps", "w"]);
    assert_eq!(directory.files(), ["model"]);
    for bad in [directory.0.join("missing/model"), PathBuf::from("/"), directory.0.clone()] {
        let error = other.save(&bad).unwrap_err();
        assert!(error.is_file() && error.to_string().contains("cannot be written"), "{error}");
    }
    assert_eq!(directory.files(), ["model"]);
}

/// Runs in a process of its own, which may write no file of more than a few kilobytes.
#[test]
#[ignore = "run by `a_full_disk_keeps_the_old_file`"]
fn save_much() {
    let path = PathBuf::from(std::env::var_os("WENGERT_FULL").unwrap());
    let much = Params::<f64>::new(&mut Rng::new(1), [("w[100,100]", Init::HeNormal)]).unwrap();
    let error = much.save(&path).unwrap_err();
    assert!(error.is_file() && error.to_string().contains("cannot be written"), "{error}");
    println!("refused as it should be");
}

#[test]
#[cfg(unix)]
fn a_full_disk_keeps_the_old_file() {
    let directory = Directory::new("full");
    let path = directory.0.join("model");
    small().save(&path).unwrap();
    // A file of more than 8 blocks of 512 bytes (or of 1024) cannot be written; the signal that tells is ignored.
    let run = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact io::save_much --ignored --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env("WENGERT_FULL", &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("refused as it should be"), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(Archive::load(&path).unwrap().to_bytes(), small().to_bytes());
    assert_eq!(directory.files(), ["model"]);
}

#[test]
fn entries_are_what_they_are() {
    let archive = small();
    let error = archive.text("abuot").unwrap_err();
    assert!(error.is_name() && error.to_string().contains("did you mean `about`?"), "{error}");
    let error = archive.array::<f64>("w").unwrap_err();
    assert!(error.is_value() && error.to_string().contains("`w` is an array of f32, not an array of f64"), "{error}");
    assert!(archive.text("steps").unwrap_err().is_value() && archive.count("about").unwrap_err().is_value());
    assert!(archive.function("about").unwrap_err().is_parse());
    assert!(Params::<f32>::from_archive(&archive).unwrap_err().is_name());
}

#[test]
fn functions_come_back() {
    let f = Function::trace(["a", "b"], |[a, b]| (("e", (a + b) * (b + 0.1)), wengert::aux(("sine", a.sin())))).unwrap();
    let mut archive = Archive::new();
    archive.put_function("f", &f).unwrap().put_function("gradient", &f.wrt(["b"]).unwrap().value_and_grad().unwrap()).unwrap();
    let read = Archive::from_bytes(&archive.to_bytes()).unwrap();
    let back = read.function("f").unwrap();
    assert_eq!(back.to_string(), f.to_string());
    let bits = |f: &Function| f.eval(&[0.3f64, 0.7]).unwrap().iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
    assert_eq!(bits(&back), bits(&f));
    // e = (a + b)·(b + 0.1) has ∂e/∂b = a + 2b + 0.1.
    assert!((read.function("gradient").unwrap().eval(&[0.3f64, 0.7]).unwrap()[2] - 1.8).abs() < 1e-15);
}

#[test]
fn functions_of_arrays_come_back() {
    let loss = Function::trace(["w[3,2]", "x[n,3]", "y[n]: index"], |[w, x, y]| nn::cross_entropy(x.matmul(w), y)).unwrap();
    let gradient = loss.wrt(["w"]).unwrap().value_and_grad().unwrap();
    let mut archive = Archive::new();
    archive.put_function("gradient", &gradient).unwrap();
    let read = Archive::from_bytes(&archive.to_bytes()).unwrap().function("gradient").unwrap();
    let array = |shape: &[usize]| Array::new(shape, (0..shape.iter().product()).map(|k| (k as f64).sin()).collect()).unwrap();
    let inputs = [array(&[3, 2]), array(&[2, 3]), Array::vector(vec![1.0, 0.0])];
    let bits = |f: &Function| {
        let y = f.run(&inputs).unwrap();
        y.iter().flat_map(|(_, y)| y.data()).map(|v| v.to_bits()).collect::<Vec<u64>>()
    };
    assert_eq!(bits(&read), bits(&gradient));
}

#[test]
fn parameters_come_back() {
    let directory = Directory::new("params");
    let path = directory.0.join("params");
    let declared = [("encoder.w[3,4]", Init::HeNormal), ("encoder.b[4]", Init::Uniform(1e-3)), ("none[0,2]", Init::Zeros)];
    let mut params = Params::<f32>::new(&mut Rng::new(8), declared).unwrap();
    params.get_mut("encoder.b").unwrap()[..3].copy_from_slice(&[-0.0, f32::INFINITY, 1e-45]);
    params.save(&path).unwrap();
    let read = Params::<f32>::load(&path).unwrap();
    assert_eq!(read.to_string(), params.to_string());
    let bits = |params: &Params<f32>| params.iter().flat_map(|(_, a)| a.data()).map(|v| v.to_bits()).collect::<Vec<u32>>();
    assert_eq!(bits(&read), bits(&params));
}

#[cfg(feature = "derive")]
#[derive(Clone, Debug, PartialEq, Structure)]
struct Dense<T> {
    w: T,
    b: T,
}

#[cfg(feature = "derive")]
#[test]
fn structures_come_back_and_others_are_refused() {
    let dense = |n, v: f64| Dense { w: Array::full([2, n], v), b: Array::full([n], -v) };
    let (net, line) = (vec![dense(3, 0.1), dense(1, f64::INFINITY)], Dense { w: 1.5f32, b: -0.0 });
    let mut archive = Archive::new();
    archive.put_structure("net", &net).put_structure("line", &line).put_count("n", 1);
    let read = Archive::from_bytes(&archive.to_bytes()).unwrap();
    assert_eq!(read.structure("net", &net).unwrap(), net);
    let back: Dense<f32> = read.structure("line", &Dense { w: 0.0, b: 0.0 }).unwrap();
    assert_eq!((back.w, back.b.to_bits()), (1.5, (-0.0f32).to_bits()));
    assert_eq!(read.array::<f64>("net[1].b").unwrap(), net[1].b);
    let says = |made: wengert::Result<Vec<Dense<Array<f64>>>>, words: &str| {
        let error = made.unwrap_err();
        assert!(error.to_string().contains(words) && error.location().is_some_and(|at| at.file() == file!()), "{error}");
    };
    says(read.structure("nets", &net), "no entry is named `nets[0].w`");
    says(read.structure("net", &net[..1]), "the structure has no place for the entry `net[1].w`");
    says(read.structure("net", &[&net[..], &net[..1]].concat()), "no entry is named `net[2].w`");
    says(
        read.structure("net", &vec![dense(3, 0.0), dense(3, 0.0)]),
        "the entry `net[1].w` has the shape [2, 1], and the sample [2, 3]",
    );
    says(read.structure("line", &net), "no place for the entry `line.w`");
    let error = read.structure("line", &Dense { w: 0.0f64, b: 0.0 }).unwrap_err();
    assert!(error.to_string().contains("the entry `line.w` is an array of f32, not an array of f64"), "{error}");
    // A shorter structure of the name leaves nothing of the longer one behind.
    archive.put_structure("net", &net[..1]);
    assert_eq!(archive.structure("net", &net[..1]).unwrap(), net[..1]);
}
