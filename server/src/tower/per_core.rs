//! One clone of a service for each core, so that cores share nothing of it but what its clones share. Asked
//! at each call.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A service that cores make clones of.
pub(super) struct Original<V>(Mutex<V>);

/// The clone of one core, unless it is being called or waits to be ready, and what is kept beside it.
pub(super) struct OfCore<V, K> {
    idle: RefCell<Option<V>>,
    original: Weak<Original<V>>,
    pub(super) kept: K,
}

/// Which original a clone is of.
type Of = Weak<dyn Any + Send + Sync>;

thread_local! {
    /// The clones of this thread's core, each as an `Rc<OfCore<V, K>>`. A list, since there are few.
    static CLONES: RefCell<Vec<(Of, Rc<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

impl<V: Clone + Send + 'static> Original<V> {
    pub(super) fn new(service: V) -> Arc<Original<V>> {
        Arc::new(Original(Mutex::new(service)))
    }

    fn make(&self) -> V {
        // A clone that panicked has changed nothing.
        let service = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        service.clone()
    }

    /// Returns the running core's own value; an original is asked for one `K` only.
    pub(super) fn of_core<K: Default + 'static>(self: &Arc<Self>) -> Rc<OfCore<V, K>> {
        let known = CLONES.with_borrow(|clones| {
            // An address is no other's as long as a `Weak` of it is there.
            let of =
                |clone: &&(Of, Rc<dyn Any>)| std::ptr::addr_eq(clone.0.as_ptr(), Arc::as_ptr(self));
            let (_, clone) = clones.iter().find(of)?;
            clone.clone().downcast::<OfCore<V, K>>().ok()
        });
        known.unwrap_or_else(|| self.first_of_core())
    }

    #[cold]
    fn first_of_core<K: Default + 'static>(self: &Arc<Self>) -> Rc<OfCore<V, K>> {
        let clone = Rc::new(OfCore {
            idle: RefCell::new(None),
            original: Arc::downgrade(self),
            kept: K::default(),
        });
        let of: Of = Arc::downgrade(self) as Of;
        let over = CLONES.with_borrow_mut(|clones| {
            let is_over = |clone: &mut (Of, Rc<dyn Any>)| clone.0.strong_count() == 0;
            let over: Vec<_> = clones.extract_if(.., is_over).collect();
            clones.push((of, clone.clone()));
            over
        });
        // Outside of the borrow: dropping a service may do anything.
        drop(over);
        clone
    }
}

impl<V: Clone + Send + 'static, K> OfCore<V, K> {
    /// A service to be called, and given back by [`OfCore::put_back`] if it is good for more.
    pub(super) fn take(&self) -> Option<V> {
        let idle = self.idle.take();
        idle.or_else(|| self.original.upgrade().map(|original| original.make()))
    }

    pub(super) fn put_back(&self, service: V) {
        let before = self.idle.replace(Some(service));
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static CLONED: Cell<u32> = const { Cell::new(0) };
    }

    struct Counted;

    impl Clone for Counted {
        fn clone(&self) -> Counted {
            CLONED.set(CLONED.get() + 1);
            Counted
        }
    }

    #[test]
    fn a_core_makes_one_clone_and_another_while_that_one_is_away() {
        let original = Original::new(Counted);
        for _ in 0..3 {
            let of_core = original.of_core::<()>();
            let service = of_core.take().expect("the original is there");
            of_core.put_back(service);
        }
        assert_eq!(CLONED.get(), 1);
        let away = original.of_core::<()>().take();
        assert!(away.is_some() && original.of_core::<()>().take().is_some());
        assert_eq!(CLONED.get(), 2);
    }

    #[test]
    fn clones_of_a_service_that_is_gone_are_dropped_when_another_comes() {
        #[derive(Clone)]
        struct Held(#[expect(dead_code, reason = "counted")] Arc<()>);
        let held = Arc::new(());
        let original = Original::new(Held(held.clone()));
        let of_core = original.of_core::<()>();
        let service = of_core.take().expect("the original is there");
        of_core.put_back(service);
        drop((of_core, original));
        assert_eq!(Arc::strong_count(&held), 2, "the clone of this core");
        let another = Original::new(Counted);
        assert!(another.of_core::<()>().take().is_some());
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
