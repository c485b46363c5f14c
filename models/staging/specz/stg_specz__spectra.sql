with landed as (
    select * from {{ source('raw', 'specz_spectra') }}
),

cast_columns as (
    select
        cast(survey as string) as survey,
        cast(spectrum_id as string) as spectrum_id,
        cast(ra as double) as ra,
        cast(dec as double) as dec,
        cast(redshift_given as double) as redshift_given,
        cast(redshift_err_given as double) as redshift_err_given,
        cast(flag as string) as flag,
        cast(class_given as string) as class_given,
        cast(instrument_given as string) as instrument_given,
        cast(magnitude as double) as spectrum_mag,
        cast(magnitude_band as string) as spectrum_mag_band,
        cast(source_file as string) as source_file,
        cast(source_sha256 as string) as source_sha256,
        cast(source_row as bigint) as source_row
    from landed
)

select * from cast_columns
