//! How the settings are written down: once, as the fields of one struct.

/// One setting, as people read about it.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name in a settings file; the environment has it in capitals.
    pub(crate) key: &'static str,
    /// Its value where nobody sets it, as text.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) meaning: &'static str,
    /// Which values it takes.
    pub(crate) accepts: &'static str,
    /// Whether empty text sets nothing.
    pub(super) empty_is_unset: bool,
}

impl Setting {
    /// Its name in the environment.
    pub(crate) fn name(&self) -> String {
        self.key.to_uppercase()
    }
}

/// Makes the struct from `/// meaning`, `key: type = "default", "what it takes"` and, for numbers, `, lowest to highest`;
/// with it the table that help, README and error messages are written from.
macro_rules! settings {
    ($(
        $(#[doc = $meaning:literal])+
        $key:ident: $type:ty = $default:literal, $accepts:literal $(, $lowest:literal to $highest:literal)?;
    )+) => {
        /// Every setting of the service.
        #[derive(Debug, Clone, validator::Validate)]
        pub(crate) struct Settings {
            $(
                $(#[doc = $meaning])+
                $(#[validate(range(min = $lowest, max = $highest))])?
                pub(crate) $key: $type,
            )+
        }

        impl Settings {
            /// The settings in the order in which they are shown.
            pub(crate) const TABLE: &'static [Setting] = &[$(Setting {
                key: stringify!($key),
                default: $default,
                meaning: concat!($($meaning),+),
                accepts: concat!($accepts $(, " from ", $lowest, " to ", $highest)?),
                empty_is_unset: <$type as Value>::EMPTY_IS_UNSET,
            }),+];

            /// Reads every setting; one that is wrong is noted and left as nobody sets it.
            fn read(layers: &mut Layers) -> Self {
                Self { $($key: layers.read(stringify!($key), $default)),+ }
            }
        }
    };
}

pub(super) use settings;
