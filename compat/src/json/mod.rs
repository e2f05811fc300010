//! Reading JSON so that nothing is overlooked, and writing it so that JavaScript would write the
//! same.

mod fields;
mod output;
mod part;
mod text;
mod value;

pub(crate) use self::fields::Fields;
pub(crate) use self::output::{Object, flat_text, put_at, stable, stable_map};
pub(crate) use self::part::Wanted;
pub(crate) use self::text::{
    mend_surrogates, name_at, object, part_of_object, raw_members, raw_name, text,
};
pub(crate) use self::value::found;
