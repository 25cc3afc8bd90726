//! Places for futures that are used again: starting a task costs no allocation once a task of its
//! size class has ended.
//!
//! Called by the task table only. One arena a core; blocks never leave their thread.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;

/// Smallest block, in bytes; class n has twice the bytes of class n-1.
const CLASS_MIN_BYTES: usize = 128;
const CLASSES: usize = 8;
const ALIGN: usize = 64;
/// Free blocks kept a class.
const FREE_MAX: usize = 1024;

type Shape<T> = dyn Future<Output = T>;

/// The free blocks of one core.
#[derive(Default)]
pub(crate) struct Arena {
    free: RefCell<[Vec<NonNull<u8>>; CLASSES]>,
}

fn class_of(layout: Layout) -> Option<usize> {
    if layout.align() > ALIGN {
        return None;
    }
    let blocks = layout.size().div_ceil(CLASS_MIN_BYTES).max(1);
    let class = blocks.next_power_of_two().trailing_zeros() as usize;
    (class < CLASSES).then_some(class)
}

fn class_layout(class: usize) -> Layout {
    Layout::from_size_align(CLASS_MIN_BYTES << class, ALIGN).expect("a small power of two")
}

/// An empty block that goes from one future to the next without a look at the arena.
pub(crate) struct Room {
    block: NonNull<u8>,
    class: usize,
}

impl Room {
    fn into_block(self) -> NonNull<u8> {
        ManuallyDrop::new(self).block
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `Arena::take`, and empty. Guarded by
        // `a_room_goes_from_one_future_to_the_next_and_drops_run_once`.
        unsafe { dealloc(self.block.as_ptr(), class_layout(self.class)) };
    }
}

/// A future in a block.
pub(crate) struct Placed<F: ?Sized> {
    future: NonNull<F>,
    class: usize,
    arena: Rc<Arena>,
}

/// A future of a known type, with a place of its own.
pub(crate) enum Place<F> {
    Placed(Placed<F>),
    /// Too large for the arena.
    Boxed(Pin<Box<F>>),
}

/// A future of whatever type, with a place of its own.
pub(crate) enum TaskBox<T: 'static = ()> {
    Placed(Placed<Shape<T>>),
    /// Too large for the arena.
    Boxed(Pin<Box<Shape<T>>>),
}

impl<F> Place<F> {
    /// Makes a future in `room` if it fits there, else in a block of `arena`, or a box if it is larger
    /// than the largest class. The future is made where it stays: a copy of so fresh a structure
    /// stalls the processor.
    #[inline]
    pub(crate) fn new(arena: Rc<Arena>, room: Option<Room>, make: impl FnOnce() -> F) -> Place<F> {
        let Some(class) = class_of(Layout::new::<F>()) else {
            return Place::Boxed(Box::pin(make()));
        };
        let room = match room {
            Some(room) if room.class == class => room,
            other => arena.other_room(other, class),
        };
        // SAFETY: the block is at least as large and as aligned as F (its class), and is ours
        // alone until `Placed` is dropped; if `make` panics, the room frees it. Guarded by
        // `a_block_is_used_again_and_drops_run_once`.
        unsafe { room.block.cast::<F>().write(make()) };
        Place::Placed(Placed {
            future: room.into_block().cast(),
            class,
            arena,
        })
    }

    #[inline]
    pub(crate) fn as_mut(&mut self) -> Pin<&mut F> {
        match self {
            Place::Placed(placed) => placed.as_mut(),
            Place::Boxed(boxed) => boxed.as_mut(),
        }
    }

    /// Drops the future, and leaves its block to whoever comes next.
    #[inline]
    pub(crate) fn vacate(place: &mut Option<Place<F>>) -> Option<Room> {
        let (Some(Place::Placed(placed)), Some(class)) = (&*place, class_of(Layout::new::<F>()))
        else {
            *place = None;
            return None;
        };
        let future = placed.future;
        let room = Room {
            block: future.cast(),
            class,
        };
        // SAFETY: the place is overwritten without being dropped, so its share of the arena and its
        // future are dropped once, here, and its block has one owner, the room. Field by field,
        // and the class again from the type, since a copy of so fresh a structure stalls the
        // processor. Guarded by `a_room_goes_from_one_future_to_the_next_and_drops_run_once`.
        unsafe {
            let arena = std::ptr::read(&raw const placed.arena);
            std::ptr::write(place, None);
            drop(arena);
            future.drop_in_place();
        }
        Some(room)
    }
}

impl<T: 'static, F: Future<Output = T> + 'static> Place<F> {
    /// The same future where it lies, its type forgotten.
    #[inline]
    pub(crate) fn erase(self) -> TaskBox<T> {
        match self {
            Place::Placed(placed) => {
                let placed = ManuallyDrop::new(placed);
                let future: NonNull<Shape<T>> = placed.future;
                // SAFETY: `placed` is never used or dropped again, so there is still one owner of
                // its share of the arena. Guarded by `a_block_is_used_again_and_drops_run_once`.
                let arena = unsafe { std::ptr::read(&raw const placed.arena) };
                TaskBox::Placed(Placed {
                    future,
                    class: placed.class,
                    arena,
                })
            }
            Place::Boxed(boxed) => TaskBox::Boxed(boxed),
        }
    }
}

impl TaskBox {
    /// Puts `future` into a place of `arena`.
    #[inline]
    pub(crate) fn new<F: Future<Output = ()> + 'static>(arena: &Rc<Arena>, future: F) -> TaskBox {
        Place::new(arena.clone(), None, || future).erase()
    }
}

impl<T: 'static> TaskBox<T> {
    #[inline]
    pub(crate) fn as_mut(&mut self) -> Pin<&mut Shape<T>> {
        match self {
            TaskBox::Placed(placed) => placed.as_mut(),
            TaskBox::Boxed(boxed) => boxed.as_mut(),
        }
    }
}

impl<F: ?Sized> Placed<F> {
    #[inline]
    fn as_mut(&mut self) -> Pin<&mut F> {
        // SAFETY: the future stays in its block until it is dropped there, so the pin holds; the
        // borrow is that of self. Guarded by `a_block_is_used_again_and_drops_run_once`.
        unsafe { Pin::new_unchecked(self.future.as_mut()) }
    }
}

impl<F: ?Sized> Drop for Placed<F> {
    #[inline]
    fn drop(&mut self) {
        /// Gives the block back also when the future's own drop panics.
        struct Back<'a>(NonNull<u8>, usize, &'a Arena);
        impl Drop for Back<'_> {
            #[inline]
            fn drop(&mut self) {
                self.2.give(self.1, self.0);
            }
        }
        let _back = Back(self.future.cast(), self.class, &self.arena);
        // SAFETY: the future was written in `Place::new` and is dropped once, here. Guarded by
        // `a_block_is_used_again_and_drops_run_once`.
        unsafe { self.future.drop_in_place() };
    }
}

impl Arena {
    #[inline]
    fn take(&self, class: usize) -> NonNull<u8> {
        if let Some(block) = self.free.borrow_mut()[class].pop() {
            return block;
        }
        let layout = class_layout(class);
        // SAFETY: the layout has a size above zero. Guarded by
        // `a_block_is_used_again_and_drops_run_once`.
        let block = unsafe { alloc(layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// A room of the right class, in place of one that is not, if there is one.
    #[inline(never)]
    fn other_room(&self, wrong: Option<Room>, class: usize) -> Room {
        if let Some(room) = wrong {
            self.give(room.class, room.into_block());
        }
        Room {
            block: self.take(class),
            class,
        }
    }

    #[inline]
    fn give(&self, class: usize, block: NonNull<u8>) {
        let mut free = self.free.borrow_mut();
        if free[class].len() < FREE_MAX {
            free[class].push(block);
            return;
        }
        // SAFETY: allocated with this layout in `take`, and empty. Guarded by
        // `a_block_is_used_again_and_drops_run_once`.
        unsafe { dealloc(block.as_ptr(), class_layout(class)) };
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for (class, blocks) in self.free.get_mut().iter_mut().enumerate() {
            for block in blocks.drain(..) {
                // SAFETY: allocated with this layout in `take`, and empty. Guarded by
                // `a_block_is_used_again_and_drops_run_once`.
                unsafe { dealloc(block.as_ptr(), class_layout(class)) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::task::{Context, Waker};

    struct Count(Rc<Cell<u32>>);

    impl Drop for Count {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn a_room_goes_from_one_future_to_the_next_and_drops_run_once() {
        fn block<F>(place: &Place<F>) -> *mut u8 {
            match place {
                Place::Placed(placed) => placed.future.as_ptr().cast(),
                Place::Boxed(_) => panic!("it fits into a block"),
            }
        }
        let arena = Rc::new(Arena::default());
        let drops = Rc::new(Cell::new(0));
        let count = || Count(drops.clone());
        let place = Place::new(arena.clone(), None, count);
        let first = block(&place);
        let mut room = Place::vacate(&mut Some(place));
        for dropped in 1..4 {
            assert_eq!(drops.get(), dropped);
            let place = Place::new(arena.clone(), room, count);
            assert_eq!(block(&place), first);
            let mut place = Some(place);
            room = Place::vacate(&mut place);
            assert!(place.is_none());
        }
        // What does not fit there goes elsewhere, and the block is the arena's again.
        let larger = Place::new(arena.clone(), room, || [0u8; 2 * CLASS_MIN_BYTES]);
        let fits = Place::new(arena.clone(), None, count);
        assert_eq!(block(&fits), first);
        assert_ne!(block(&larger), first);
        drop(fits);
        assert_eq!(drops.get(), 5);
    }

    #[test]
    fn a_block_is_used_again_and_drops_run_once() {
        let arena = Rc::new(Arena::default());
        let drops = Rc::new(Cell::new(0));
        let mut places = Vec::new();
        for _ in 0..3 {
            let count = Count(drops.clone());
            let mut task = TaskBox::new(&arena, async move {
                let _count = count;
                std::future::pending::<()>().await;
            });
            let mut cx = Context::from_waker(Waker::noop());
            assert!(task.as_mut().poll(&mut cx).is_pending());
            if let TaskBox::Placed(placed) = &task {
                places.push(placed.future.cast::<u8>());
            }
        }
        assert_eq!(drops.get(), 3);
        assert_eq!(places.len(), 3);
        assert!(places.iter().all(|place| *place == places[0]));
        let large = [0u8; CLASS_MIN_BYTES << CLASSES];
        let boxed = TaskBox::new(&arena, async move {
            std::future::ready(large).await;
        });
        assert!(matches!(boxed, TaskBox::Boxed(_)));
    }
}
