//! Values that crates above keep for as long as a context lives, one for each type and key.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use store::Key;

type Values = BTreeMap<(TypeId, Key), Arc<dyn Any + Send + Sync>>;

#[derive(Debug, Default, Clone)]
pub(crate) struct Shared(Arc<Mutex<Values>>);

impl Shared {
    pub(crate) fn get<T: Any + Send + Sync>(&self, key: Key) -> Option<Arc<T>> {
        let value = self.values().get(&(TypeId::of::<T>(), key)).cloned();
        value.and_then(|value| value.downcast().ok())
    }

    /// Keeps a value, unless there is one already; gives the one that is kept.
    pub(crate) fn keep<T: Any + Send + Sync>(&self, key: Key, value: T) -> Arc<T> {
        let value = Arc::new(value);
        let mut values = self.values();
        let kept = values.entry((TypeId::of::<T>(), key));
        let kept = kept.or_insert_with(|| value.clone()).clone();
        kept.downcast().unwrap_or(value)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        let values = std::mem::take(&mut *self.values());
        drop(values);
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use store::KeyBuilder;

    use super::*;

    #[test]
    fn one_value_for_a_type_and_a_key() {
        let shared = Shared::default();
        let (one, other) = (KeyBuilder::new("1").finish(), KeyBuilder::new("2").finish());
        assert_eq!(shared.get::<String>(one), None);
        let first = shared.keep(one, "first".to_owned());
        assert!(Arc::ptr_eq(&first, &shared.keep(one, "second".to_owned())));
        assert!(Arc::ptr_eq(&first, &shared.clone().get(one).unwrap()));
        assert_eq!(*shared.keep(one, 7_u32), 7);
        assert_eq!(*shared.keep(other, "third".to_owned()), "third");
    }
}
