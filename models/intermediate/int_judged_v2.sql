{{ judged('v2') }}
