-- The masked fractions of pictures that are not 0, in whole billionths: their sums are the same in any order.
{% for plane in mask_planes() -%}
select object_id, band, '{{ plane }}' as mask_plane, cast(round(1e9 * masked_{{ plane }}) as bigint) as masked_nano
from {{ ref('int_shown_pictures') }}
where masked_{{ plane }} > 0
{{ 'union all' if not loop.last }}
{% endfor %}
