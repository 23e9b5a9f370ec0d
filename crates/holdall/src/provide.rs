//! For crates that give modules an interface of the host, as holdall-wasi does: functions that each
//! importing module gets for itself, so that what they reach depends on who imports them.
//!
//! A [`Provider`] says which functions there are. For each graph that is instantiated it gives a
//! [`Provision`], and that makes each function for the [`Importer`] that imports it. The functions
//! work on slots ([`SlotFunc`]), use the memory of their caller, pay with fuel what they do for it
//! ([`Meter`]), and count what they make the host keep ([`Account`]).
//!
//! Functions that are the same for every module are defined with
//! [`Linker::func_wrap`](crate::Linker::func_wrap) instead.
//!
//! ```
//! use holdall::provide::{Importer, Provider, Provision, Signature, SlotFunc};
//! use holdall::{Engine, FuncType, Linker, Module, Result, Store, ValType};
//!
//! /// `"who"."letters"`: how many letters the name of the importing module has.
//! struct Who;
//!
//! impl Provider for Who {
//!     fn ty(&self, module: &str, name: &str) -> Option<FuncType> {
//!         ((module, name) == ("who", "letters")).then(|| FuncType::new([], [ValType::I32]))
//!     }
//!     fn names(&self, module: &str) -> Vec<&'static str> {
//!         if module == "who" { vec!["letters"] } else { vec![] }
//!     }
//!     fn begin(&self) -> Box<dyn Provision> {
//!         Box::new(Who)
//!     }
//! }
//!
//! impl Provision for Who {
//!     fn func(&mut self, importer: Importer<'_>, _: &str, _: &str) -> Result<SlotFunc> {
//!         let letters = importer.name.len() as u64;
//!         let ty = FuncType::new([], [ValType::I32]);
//!         SlotFunc::new(Signature::new("who.letters", &[], None), ty, move |mut caller, slots| {
//!             caller.parts().meter.spend(1)?;
//!             slots[0] = letters;
//!             Ok(())
//!         })
//!     }
//! }
//!
//! # #[cfg(feature = "wat")]
//! # fn main() -> Result<()> {
//! let engine = Engine::default();
//! let mut linker = Linker::new(&engine);
//! linker.provide(Who);
//! let module = Module::new(&engine, r#"(module
//!     (import "who" "letters" (func $letters (result i32)))
//!     (export "letters" (func $letters)))"#)?;
//! linker.register("app", &module)?;
//! let mut store = Store::new(&engine, ());
//! let app = linker.instantiate(&mut store, &module)?;
//! let letters = app.get_typed_func::<(), i32>(&store, "letters")?;
//! assert_eq!(letters.call(&mut store, ())?, 3);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "wat"))]
//! # fn main() {}
//! ```

pub use crate::host::{SlotCaller, SlotFunc, StoreParts};
pub use crate::limits::{Account, Full, Held, Meter, PART_BYTES};
pub use crate::link::{Importer, Provider, Provision};
pub use crate::observe::{Accesses, Stream};
pub use crate::store::HostState;
pub use crate::trace::{Param, Shown, Signature};
pub use holdall_core::bundle::{did_you_mean, nearest};

/// What `holdall-record` needs of the engine: to be told of all that happens between guests and their host, and to
/// do all of it again. No other crate should use it: it changes with every version.
#[doc(hidden)]
pub mod record {
    pub use crate::host::named_func;
    pub use crate::observe::{
        HostEvent, Numbered, Slots, find, find_export, instance_number, instantiate, module_bytes,
        observe, set_fuel_left,
    };
}
