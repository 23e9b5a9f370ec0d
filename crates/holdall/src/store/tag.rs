//! The handle to a tag.

use std::ptr::NonNull;
use std::sync::Arc;

use crate::canonical::Known;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::observe::HostEvent;
use crate::store::{AsContext, AsContextMut, StoreCore, StoreId, TagData};
use crate::types::TagType;
use crate::types::TypeId;

/// A tag in a store: what kind of exception an exception is.
///
/// Equal handles are handles to the same tag.
///
/// # Panics
///
/// Every method panics when it is given another store than the tag's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    store: StoreId,
    data: NonNull<TagData>,
}

// SAFETY: the address is only followed with a borrow of the store that owns the tag, which
// `data_in` checks; apart from that a handle is two numbers.
unsafe impl Send for Tag {}
// SAFETY: as for `Send`.
unsafe impl Sync for Tag {}

impl Tag {
    /// A new tag, which is another than all there are.
    ///
    /// # Errors
    ///
    /// When the function type of the tag has results, or refers to types of modules that are gone.
    pub fn new(mut context: impl AsContextMut, ty: &TagType) -> Result<Self> {
        if !ty.ty().results().is_empty() {
            let found = ty.ty();
            return Err(Error::usage(format!(
                "the type of a tag: expected a function type without results, found {found}"
            )));
        }
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let tag = TagData {
            sig: core.sigs.take(ty.ty())?,
            slots: ty.ty().param_slots() as u32,
            instance: std::ptr::null(),
            index: 0,
        };
        core.tell(|| HostEvent::Other("made a tag"));
        Ok(Self::from_data(core.id, core.add_tag(tag)))
    }

    /// The type.
    pub fn ty(&self, context: impl AsContext) -> TagType {
        self.ty_in(context.as_context().core())
    }

    pub(crate) fn from_data(store: StoreId, data: NonNull<TagData>) -> Self {
        Self { store, data }
    }

    pub(crate) fn ty_in(&self, core: &StoreCore) -> TagType {
        TagType::new((*Known::in_use(self.sig(core))).clone())
    }

    /// The module that defines the tag, what its instance is called, and the tag's index; `None` for a tag of
    /// the host.
    pub(crate) fn origin_in(&self, core: &StoreCore) -> Option<(Module, Option<Arc<str>>, u32)> {
        // SAFETY: as in `sig`; the instance lives as long as `core`, and its module and label do not change.
        unsafe {
            let tag = self.data_in(core).as_ref();
            let instance = tag.instance.as_ref()?;
            Some((instance.module.clone(), instance.label.clone(), tag.index))
        }
    }

    fn sig(&self, core: &StoreCore) -> TypeId {
        // SAFETY: `data_in` found the tag to be of `core`, which keeps it; a tag does not change.
        unsafe { (*self.data_in(core).as_ptr()).sig }
    }

    pub(crate) fn store(self) -> StoreId {
        self.store
    }

    /// The address of the tag, checked to be one that `core` keeps.
    pub(crate) fn data_in(&self, core: &StoreCore) -> NonNull<TagData> {
        core.assert_owns("tag", self.store);
        self.data
    }
}
