//! Without the feature `jit`: what asks for native code gets the interpreter, which says why, or an error.

use wengert::{Compiled, Function, Options};

fn gradient() -> Function {
    Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0)).unwrap().value_and_grad().unwrap()
}

const WHY: &str = "wengert was built without its feature `jit`";

#[test]
fn compiled_functions_are_interpreted_and_say_why() {
    let (f, arrays) = (gradient(), Function::trace(["x[n]"], |[x]| (x.exp() * 2.0).sum(..)).unwrap());
    let rows = f.vmap("n", ["a"]).unwrap().sum("n").unwrap().compile().unwrap();
    let (one, of_arrays) = (f.compile().unwrap(), arrays.compile().unwrap());
    assert_eq!(one.call([2.0, 1.0]).unwrap(), [6.0, 2.0, 5.0]);
    for report in [one.report(), rows.report(), of_arrays.report()] {
        assert_eq!(report.interpreted.as_deref(), Some(WHY));
        assert!((report.functions, report.code_bytes) == (0, 0) && report.operations > 0);
    }
    let asked = f.compile_with(Options::new().interpreted(true)).unwrap();
    assert_eq!(asked.report().interpreted.as_deref(), Some("the options say so"));
}

#[test]
fn in_the_background_there_is_nothing_to_be_made() {
    let g = gradient().compile_with(Options::new().background(true)).unwrap();
    assert_eq!(g.call([2.0, 1.0]).unwrap(), [6.0, 2.0, 5.0]);
    g.wait().unwrap();
    assert_eq!(g.report().interpreted.as_deref(), Some(WHY));
    assert!(!g.is_native());
}

#[test]
fn what_needs_native_code_is_an_error() {
    let program = gradient().compile().unwrap();
    for error in [
        program.clif().unwrap_err(),
        program.assembly().unwrap_err(),
        gradient().compile_with(Options::new().flush_subnormals(true)).unwrap_err(),
    ] {
        assert!(error.is_native() && error.to_string().contains(WHY), "{error}");
    }
}

#[test]
fn code_is_neither_written_nor_read() {
    let path = std::env::temp_dir().join(format!("wengert-none-{}.code", std::process::id()));
    let error = gradient().compile().unwrap().save(&path).unwrap_err();
    assert!(error.is_file() && error.to_string().contains("it is interpreted"), "{error}");
    assert!(error.to_string().contains(file!()), "{error}");
    assert!(!path.exists());
    wengert::io::Archive::new().put_text("native code", "Compiled").save(&path).unwrap();
    // SAFETY: no code is read.
    let error = unsafe { Compiled::load(&path) }.unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(error.is_file() && error.to_string().contains(WHY), "{error}");
}
