-- Every spectrum within the radius of an object, with its rank by distance for the object, and the object's for it.
with met as (
    select * from {{ ref('int_spectrum_objects') }}
),

spectra as (
    select * from {{ ref('int_spectra') }}
)

select
    met.object_id,
    met.spectrum,
    spectra.survey,
    spectra.specz_name,
    met.match_distance_arcsec,
    cast(row_number() over (partition by met.object_id order by met.match_distance_arcsec, met.spectrum) as bigint)
        as spectrum_rank,
    cast(row_number() over (partition by met.spectrum order by met.match_distance_arcsec, met.object_id) as bigint)
        as object_rank,
    count(*) over (partition by met.object_id) as spectra_of_object,
    count(*) over (partition by met.spectrum) as objects_of_spectrum,
    case spectra.spectrum_mag_band
        {%- for band in bands() %}
        when '{{ band }}' then met.{{ band }}_cmodel_mag - spectra.spectrum_mag
        {%- endfor %}
    end as d_mag
from met
inner join spectra on met.spectrum = spectra.spectrum
