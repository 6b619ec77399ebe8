//! Without the feature `jit`: what asks for native code gets the interpreter, which says why, or an error.

use wengert::{Compiled, CompiledArrays, CompiledRows, Function, Options};

fn gradient() -> Function {
    Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0)).unwrap().value_and_grad().unwrap()
}

const WHY: &str = "wengert was built without its feature `jit`";

#[test]
fn compiled_functions_are_interpreted_and_say_why() {
    let (f, arrays) = (gradient(), Function::trace(["x[n]"], |[x]| (x.exp() * 2.0).sum(..)).unwrap());
    let (one, rows) = (f.compile().unwrap(), f.map_rows(["a"]).unwrap().sum_all().compile().unwrap());
    let of_arrays = arrays.compile_arrays().unwrap();
    assert_eq!(one.call([2.0, 1.0]).unwrap(), [6.0, 2.0, 5.0]);
    for report in [one.report(), rows.report(), of_arrays.report()] {
        assert_eq!(report.interpreted.as_deref(), Some(WHY));
        assert!((report.functions, report.code_bytes) == (0, 0) && report.operations > 0);
    }
    let asked = f.compile_with(Options::new().interpreted(true)).unwrap();
    assert_eq!(asked.report().interpreted.as_deref(), Some("the options say so"));
}

#[test]
fn a_tiered_function_stays_what_it_is() {
    let g = gradient().compile_tiered().unwrap();
    assert_eq!(g.call([2.0, 1.0]).unwrap(), [6.0, 2.0, 5.0]);
    assert_eq!(g.wait().unwrap().report().interpreted.as_deref(), Some(WHY));
    assert!(!g.is_native());
}

#[test]
fn what_needs_native_code_is_an_error() {
    let program = gradient().lower();
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
    let errors = unsafe {
        [
            Compiled::load(&path).map(drop).unwrap_err(),
            CompiledRows::load(&path).map(drop).unwrap_err(),
            CompiledArrays::load(&path).map(drop).unwrap_err(),
        ]
    };
    std::fs::remove_file(&path).unwrap();
    for error in errors {
        assert!(error.is_file() && error.to_string().contains(WHY), "{error}");
    }
}
